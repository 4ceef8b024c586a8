/* slow_connect - the client is in at once, but the connection to the backend takes its time. */
#include "vaurien.h"

struct slow_connect { nsec sleep, jitter; const char *distribution; struct table percentiles; };

static const struct opt options[] = {
	{ "sleep", OPT_TIME, offsetof(struct slow_connect, sleep), "1", "How long the dial waits", NSEC_S },
	{ "jitter", OPT_TIME, offsetof(struct slow_connect, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", NSEC_S },
	{ "distribution", OPT_CHOICE, offsetof(struct slow_connect, distribution), "uniform", "How the jitter is drawn", .choices = dice_distributions },
	{ "percentiles", OPT_TABLE, offsetof(struct slow_connect, percentiles), NULL, "How long by percentile, instead of sleep and jitter", NSEC_S },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct slow_connect *o = e->opts;

	v->hold = dice_time(e->dice, o->sleep, o->jitter, o->distribution, &o->percentiles);
}

BEHAVIOR(slow_connect,
	.help = "The backend is dialled late; the client is accepted at once, and what it says meanwhile waits",
	.options = options, .opts_size = sizeof(struct slow_connect),
	.on = ON_OPEN,
	.act = act)
