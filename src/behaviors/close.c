/* close - a connection is closed in good order, with FIN: at once, after a time, or after so many bytes. */
#include "vaurien.h"

struct closing { vn_nsec after; int64_t bytes; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct closing, after), "0", "So long after the connection opened or the rule came; with odds or match: after the answer", VN_S },
	{ "bytes", VN_OPT_INT, offsetof(struct closing, bytes), "0", "When so many bytes went by in one direction; 0: whatever went by" },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct closing *o = e->opts;
	struct met *met = e->state;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->moment == VN_ON_DATA) {
		if (bytes)
			vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_CLOSE, v);
		return;
	}
	met->whole |= e->moment == VN_ON_OPEN;
	if ((bytes && !o->after) || (e->moment == VN_ON_RESPONSE && (met->whole || !e->len)))
		return;
	v->end = VN_CLOSE;
	v->after = o->after;
}

VN_BEHAVIOR(close,
	.help = "Connections are closed, idle or not; with odds or match: behind the answers of the exchanges struck",
	.options = options, .opts_size = sizeof(struct closing), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_RESPONSE | VN_ON_DATA,
	.act = act)
