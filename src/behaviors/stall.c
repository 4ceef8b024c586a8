/* stall - nothing is read: buffers fill up until both peers meet a zero window. */
#include "vaurien.h"

struct stall { vn_nsec after; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct stall, after), "0",
	  "Time from the start of the connection or of the rule; with a probability or match, "
	  "from the request", VN_S },
	{ 0 }
};

struct met { bool whole; };             /* the rule applies to connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct stall *o = e->opts;
	struct met *met = e->state;

	met->whole |= e->moment == VN_ON_OPEN;
	if (met->whole && e->moment != VN_ON_OPEN)
		return;
	v->end = VN_STALL;
	v->after = o->after;
}

VN_BEHAVIOR(stall,
	.help = "Stops reading from both sides until the rule is removed; with a probability or "
	        "match, after each request chosen",
	.group = VN_GROUP_CONNECTION,
	.example = "stall --after 10s",
	.sees = "no response; sending blocks once the buffers are full",
	.options = options, .opts_size = sizeof(struct stall), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_REQUEST,
	.act = act)
