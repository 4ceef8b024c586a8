/* bandwidth - a limit on bytes a second. */
#include "vaurien.h"

struct bandwidth { int64_t rate, queue; };

static const struct vn_opt options[] = {
	{ "rate", VN_OPT_INT, offsetof(struct bandwidth, rate), "0",
	  "Limit in kB/s (1000 bytes a second); 0 holds all bytes until the rule is removed" },
	{ "queue", VN_OPT_INT, offsetof(struct bandwidth, queue), "64",
	  "Datagrams: kB that may wait for it, what comes then is discarded; 0: --hold-max is the "
	  "limit", .max = 1000000000 },
	{ 0 }
};

/* A rate above 64 bits of bytes a second is no limit. */
static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct bandwidth *o = e->opts;

	if (!o->rate)
		v->hold = VN_NEVER;
	else if (e->moment == VN_ON_DATA && (uint64_t)o->rate <= UINT64_MAX / 1000)
		v->pace.rate = (uint64_t)o->rate * 1000;
	v->queue = (size_t)o->queue * 1000;
}

VN_BEHAVIOR(bandwidth,
	.help = "Limits the speed of each connection, or (share = proxy) of all together",
	.group = VN_GROUP_RATE,
	.example = "bandwidth --rate 100",
	.sees = "each response arrives slowly, at the given rate",
	.options = options, .opts_size = sizeof(struct bandwidth),
	.on = VN_ON_DATA | VN_ON_END, .direction = VN_RESPONSE,
	.traits = VN_TRAIT_WHOLE | VN_TRAIT_LINE | VN_TRAIT_DATAGRAMS,
	.needs = "rate", .without = "nothing passes",
	.act = act)
