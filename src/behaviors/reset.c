/* reset - a connection is torn down with RST: at once, after a time, or after so many bytes. */
#include "vaurien.h"

struct reset { vn_nsec after; int64_t bytes; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct reset, after), "0", "So long after the connection opened or the rule came; with odds or match: after the request", VN_S },
	{ "bytes", VN_OPT_INT, offsetof(struct reset, bytes), "0", "When so many bytes went by in one direction; 0: whatever went by" },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct reset *o = e->opts;
	struct met *met = e->state;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->moment == VN_ON_DATA) {
		if (bytes)
			vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_RESET, v);
		return;
	}
	met->whole |= e->moment == VN_ON_OPEN;
	if ((bytes && !o->after) || (e->moment == VN_ON_REQUEST && met->whole))
		return;
	v->end = VN_RESET;
	v->after = o->after;
	if (e->moment == VN_ON_REQUEST && !o->after)       /* the backend sees nothing of it */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(reset,
	.help = "Connections are reset, idle or not; with odds or match: at the exchanges struck, in place of the request",
	.options = options, .opts_size = sizeof(struct reset), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_REQUEST | VN_ON_DATA,
	.act = act)
