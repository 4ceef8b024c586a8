/* limit_data - so many bytes pass, and then the connection is closed. */
#include "vaurien.h"

struct limit { int64_t bytes; };

static const struct vn_opt options[] = {
	{ "bytes", VN_OPT_INT, offsetof(struct limit, bytes), "0", "How many; 0: it closes when the first one comes" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct limit *o = e->opts;
	uint64_t bytes = (uint64_t)o->bytes;

	vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_CLOSE, v);
}

VN_BEHAVIOR(limit_data,
	.help = "Connections are closed behind so many bytes; what has passed still counts when the number is changed",
	.options = options, .opts_size = sizeof(struct limit),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
