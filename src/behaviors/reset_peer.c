/* reset_peer - a connection is silent in one direction, and is torn down with RST after a time. */
#include "vaurien.h"

struct reset_peer { vn_nsec timeout; };

static const struct vn_opt options[] = {
	{ "timeout", VN_OPT_TIME, offsetof(struct reset_peer, timeout), "0",
	  "So long after the connection opened or the rule came; if less than 20 ms, after the first bytes in this direction",
	  VN_MS },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

#define GRACE (20 * VN_MS)              /* a connection is opened, and something sent, before it is reset */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct reset_peer *o = e->opts;
	struct met *met = e->state;

	met->whole |= e->moment == VN_ON_OPEN;
	if (e->moment == VN_ON_OPEN) {
		v->end = VN_RESET;
		v->after = o->timeout > GRACE ? o->timeout : GRACE;
		return;
	}
	if (!met->whole || o->timeout < GRACE) {
		v->end = VN_RESET;
		v->after = o->timeout;
	}
	if (!met->whole && !o->timeout)
		v->fate = VN_DROP;      /* it would wait for the end, and the end for it */
	else
		v->hold = VN_NEVER;
	if (met->whole && !v->after && v->end)
		v->after = 1;           /* by the clock, at once: in turn it would wait for what is held */
}

VN_BEHAVIOR(reset_peer,
	.help = "Connections are reset, idle or not; until then the direction is silent",
	.options = options, .opts_size = sizeof(struct reset_peer), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_DATA | VN_ON_END, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
