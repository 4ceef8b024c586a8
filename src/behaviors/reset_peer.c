/* reset_peer - a connection says nothing more in one direction, and is torn down with RST after a time. */
#include "vaurien.h"

struct reset_peer { vn_nsec timeout; };

static const struct vn_opt options[] = {
	{ "timeout", VN_OPT_TIME, offsetof(struct reset_peer, timeout), "0", "So long after the connection opened or the rule came", VN_MS },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct reset_peer *o = e->opts;
	struct met *met = e->state;

	met->whole |= e->moment == VN_ON_OPEN;
	if (e->moment == VN_ON_OPEN || !met->whole) {
		v->end = VN_RESET;
		v->after = o->timeout;
	}
	if (e->moment != VN_ON_OPEN && !met->whole && !o->timeout)
		v->fate = VN_DROP;         /* it would wait for the end, and the end for it */
	else if (e->moment != VN_ON_OPEN)
		v->hold = VN_NEVER;
}

VN_BEHAVIOR(reset_peer,
	.help = "Connections are reset, idle or not; until then the direction is silent",
	.options = options, .opts_size = sizeof(struct reset_peer), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_DATA | VN_ON_END, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
