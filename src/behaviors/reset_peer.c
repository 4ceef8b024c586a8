/* reset_peer - a silent direction, then an end with RST. */
#include "vaurien.h"

struct reset_peer { vn_nsec timeout; };

static const struct vn_opt options[] = {
	{ "timeout", VN_OPT_TIME, offsetof(struct reset_peer, timeout), "0",
	  "Time from the start of the connection or of the rule; below 20 ms, from the first "
	  "bytes in this direction", VN_MS },
	{ 0 }
};

struct met { bool whole; };             /* the rule applies to connections, not exchanges */

/* A connection without bytes lives at least this long, so that its connect succeeds. */
#define GRACE (20 * VN_MS)

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
		v->fate = VN_DROP;      /* an end in turn would wait for held bytes for ever */
	else
		v->hold = VN_NEVER;
	if (met->whole && !v->after && v->end)
		v->after = 1;           /* by the clock: an end in turn would wait, as above */
}

VN_BEHAVIOR(reset_peer,
	.help = "Holds responses, and resets the connection after a time, even an idle one",
	.group = VN_GROUP_CONNECTION,
	.example = "reset_peer --timeout 500ms",
	.sees = "no response, the connection is reset (RST) after the given time",
	.options = options, .opts_size = sizeof(struct reset_peer),
	.state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_DATA | VN_ON_END, .direction = VN_RESPONSE,
	.traits = VN_TRAIT_WHOLE,
	.act = act)
