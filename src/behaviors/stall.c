/* stall - nothing is read any more: buffers fill up, until both peers meet a zero window. */
#include "vaurien.h"

struct stall { vn_nsec after; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct stall, after), "0", "So long after the connection opened or the rule came; with odds or match: after the request", VN_S },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

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
	.help = "Connections are not read any more, in either direction, until the rule goes; with odds or match: from the requests struck on, which still arrive",
	.options = options, .opts_size = sizeof(struct stall), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_REQUEST,
	.act = act)
