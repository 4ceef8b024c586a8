/* bandwidth - bytes pass one after the other, so many a second. */
#include "vaurien.h"

struct bandwidth { int64_t rate; };

static const struct vn_opt options[] = {
	{ "rate", VN_OPT_INT, offsetof(struct bandwidth, rate), "0", "kB/s, of 1000 bytes each; 0: nothing passes until the rule goes" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct bandwidth *o = e->opts;

	if (!o->rate)
		v->hold = VN_NEVER;
	else if (e->moment == VN_ON_DATA && (uint64_t)o->rate <= UINT64_MAX / 1000)        /* beyond that, all passes at once */
		v->pace.rate = (uint64_t)o->rate * 1000;
}

VN_BEHAVIOR(bandwidth,
	.help = "The line is slow: each connection's, or (share = proxy) one that all of them share",
	.options = options, .opts_size = sizeof(struct bandwidth),
	.on = VN_ON_DATA | VN_ON_END, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE | VN_TRAIT_LINE,
	.act = act)
