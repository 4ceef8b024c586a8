/* bandwidth - bytes pass one after the other, so many a second. */
#include "vaurien.h"

struct bandwidth { int64_t rate; };

static const struct opt options[] = {
	{ "rate", OPT_INT, offsetof(struct bandwidth, rate), "0", "kB/s, of 1000 bytes each; 0: nothing passes until the rule goes" },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct bandwidth *o = e->opts;

	if (!o->rate)
		v->hold = NEVER;
	else if (e->moment == ON_DATA && (uint64_t)o->rate <= UINT64_MAX / 1000)        /* beyond that, all passes at once */
		v->pace.rate = (uint64_t)o->rate * 1000;
}

BEHAVIOR(bandwidth,
	.help = "The line is slow: each connection's, or (share = proxy) one that all of them share",
	.options = options, .opts_size = sizeof(struct bandwidth),
	.on = ON_DATA | ON_END, .direction = RESPONSE, .traits = TRAIT_WHOLE | TRAIT_LINE,
	.act = act)
