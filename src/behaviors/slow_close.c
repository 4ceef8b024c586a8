/* slow_close - the end of the stream is late; all bytes before it are not. */
#include "vaurien.h"

struct slow_close { vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "delay", VN_OPT_TIME, offsetof(struct slow_close, delay), "0",
	  "Delay of the end", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_close *o = e->opts;

	v->hold = o->delay;
}

VN_BEHAVIOR(slow_close,
	.help = "Delays the end of a stream: if one side closes, the other side sees it late",
	.group = VN_GROUP_TIME,
	.example = "slow_close --delay 500ms",
	.sees = "all bytes at once, then the end of the stream (FIN) late",
	.options = options, .opts_size = sizeof(struct slow_close),
	.on = VN_ON_END, .direction = VN_RESPONSE,
	.needs = "delay", .without = "no end will be late",
	.act = act)
