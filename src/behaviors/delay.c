/* delay - a longer round trip: the request waits, or the response. */
#include "vaurien.h"

struct delay {
	vn_nsec sleep, jitter;
	bool before;
	const char *distribution;
	struct vn_table percentiles;
	bool in_order;
};

static const struct vn_opt options[] = {
	{ "sleep", VN_OPT_TIME, offsetof(struct delay, sleep), "1", "Delay of each message", VN_S },
	{ "before", VN_OPT_BOOL, offsetof(struct delay, before), "true",
	  "Delay the request; false: delay the response" },
	{ "jitter", VN_OPT_TIME, offsetof(struct delay, jitter), "0",
	  "Variation of sleep: a limit (uniform) or a standard deviation (the others)", VN_S },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct delay, distribution), "uniform",
	  "Distribution of the jitter", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct delay, percentiles), NULL,
	  "Delays by percentile, instead of sleep and jitter", VN_S },
	{ "in_order", VN_OPT_BOOL, offsetof(struct delay, in_order), "false",
	  "Datagrams keep their order; without it one with a shorter delay overtakes others" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct delay *o = e->opts;

	v->in_order = o->in_order;
	if (o->before == (e->moment == VN_ON_REQUEST))
		v->hold = vn_dice_time(e->dice, o->sleep, o->jitter, o->distribution,
		                       &o->percentiles);
}

VN_BEHAVIOR(delay,
	.help = "Delays each request, or each response, once",
	.group = VN_GROUP_TIME,
	.example = "delay --sleep 2s --match '^QUERY SELECT'",
	.sees = "each response arrives late, by the given time",
	.options = options, .opts_size = sizeof(struct delay),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE,
	.needs = "sleep jitter percentiles", .without = "nothing will be late",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
