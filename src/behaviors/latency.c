/* latency - a longer way to the other side: each byte is late. */
#include "vaurien.h"

struct latency {
	vn_nsec latency, jitter;
	const char *distribution;
	struct vn_table percentiles;
	bool in_order;
};

static const struct vn_opt options[] = {
	{ "latency", VN_OPT_TIME, offsetof(struct latency, latency), "0",
	  "Delay of all bytes", VN_MS },
	{ "jitter", VN_OPT_TIME, offsetof(struct latency, jitter), "0",
	  "Variation of latency: a limit (uniform) or a standard deviation (the others)",
	  VN_MS },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct latency, distribution), "uniform",
	  "Distribution of the jitter", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct latency, percentiles), NULL,
	  "Delays by percentile, instead of latency and jitter", VN_MS },
	{ "in_order", VN_OPT_BOOL, offsetof(struct latency, in_order), "false",
	  "Datagrams keep their order; without it one with a shorter delay overtakes others" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct latency *o = e->opts;

	v->in_order = o->in_order;
	v->hold = vn_dice_time(e->dice, o->latency, o->jitter, o->distribution, &o->percentiles);
}

VN_BEHAVIOR(latency,
	.help = "Delays all bytes, counted from their arrival, and keeps their order",
	.group = VN_GROUP_TIME,
	.example = "latency --latency 80ms --jitter 10ms",
	.sees = "all bytes arrive late, by the given time",
	.options = options, .opts_size = sizeof(struct latency),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE | VN_TRAIT_DATAGRAMS,
	.needs = "latency jitter percentiles", .without = "nothing will be late",
	.act = act)
