/* slow_connect - the client is in at once, but the connection to the backend takes its time. */
#include "vaurien.h"

struct slow_connect { vn_nsec sleep, jitter; const char *distribution; struct vn_table percentiles; };

static const struct vn_opt options[] = {
	{ "sleep", VN_OPT_TIME, offsetof(struct slow_connect, sleep), "1", "How long the dial waits", VN_S },
	{ "jitter", VN_OPT_TIME, offsetof(struct slow_connect, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", VN_S },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct slow_connect, distribution), "uniform", "How the jitter is drawn", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct slow_connect, percentiles), NULL, "How long by percentile, instead of sleep and jitter", VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_connect *o = e->opts;

	v->hold = vn_dice_time(e->dice, o->sleep, o->jitter, o->distribution, &o->percentiles);
}

VN_BEHAVIOR(slow_connect,
	.help = "The backend is dialled late; the client is accepted at once, and what it says meanwhile waits",
	.options = options, .opts_size = sizeof(struct slow_connect),
	.on = VN_ON_OPEN,
	.act = act)
