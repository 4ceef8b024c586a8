/* slow_connect - a late connection to the backend; the client is accepted at once. */
#include "vaurien.h"

struct slow_connect {
	vn_nsec sleep, jitter;
	const char *distribution;
	struct vn_table percentiles;
};

static const struct vn_opt options[] = {
	{ "sleep", VN_OPT_TIME, offsetof(struct slow_connect, sleep), "1",
	  "Time before Vaurien connects to the backend", VN_S },
	{ "jitter", VN_OPT_TIME, offsetof(struct slow_connect, jitter), "0",
	  "Variation of sleep: a limit (uniform) or a standard deviation (the others)", VN_S },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct slow_connect, distribution), "uniform",
	  "Distribution of the jitter", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct slow_connect, percentiles), NULL,
	  "Times by percentile, instead of sleep and jitter", VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_connect *o = e->opts;

	v->hold = vn_dice_time(e->dice, o->sleep, o->jitter, o->distribution, &o->percentiles);
}

VN_BEHAVIOR(slow_connect,
	.help = "Delays the connection to the backend; the client is accepted at once, and its "
	        "bytes wait",
	.group = VN_GROUP_TIME,
	.example = "slow_connect --sleep 5s",
	.sees = "a connection at once, and the first response late",
	.options = options, .opts_size = sizeof(struct slow_connect),
	.on = VN_ON_OPEN,
	.needs = "sleep jitter percentiles", .without = "no connection will be late",
	.traits = VN_TRAIT_NEW,
	.act = act)
