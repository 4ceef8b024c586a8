/* slow_close - all bytes pass at once, but the end of the stream comes late. */
#include "vaurien.h"

struct slow_close { vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "delay", VN_OPT_TIME, offsetof(struct slow_close, delay), "0", "How much later the end comes", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_close *o = e->opts;

	v->hold = o->delay;
}

VN_BEHAVIOR(slow_close,
	.help = "When one side has closed, the other learns of it late",
	.options = options, .opts_size = sizeof(struct slow_close),
	.on = VN_ON_END, .direction = VN_RESPONSE,
	.act = act)
