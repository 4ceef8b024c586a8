/* slow_close - all bytes pass at once, but the end of the stream comes late. */
#include "vaurien.h"

struct slow_close { nsec delay; };

static const struct opt options[] = {
	{ "delay", OPT_TIME, offsetof(struct slow_close, delay), "0", "How much later the end comes", NSEC_MS },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct slow_close *o = e->opts;

	v->hold = o->delay;
}

BEHAVIOR(slow_close,
	.help = "When one side has closed, the other learns of it late",
	.options = options, .opts_size = sizeof(struct slow_close),
	.on = ON_END, .direction = RESPONSE,
	.act = act)
