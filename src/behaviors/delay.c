/* delay - a round trip takes longer: its request waits, or its response. */
#include "vaurien.h"

struct delay { nsec sleep, jitter; bool before; const char *distribution; struct table percentiles; };

static const struct opt options[] = {
	{ "sleep", OPT_TIME, offsetof(struct delay, sleep), "1", "How long", NSEC_S },
	{ "before", OPT_BOOL, offsetof(struct delay, before), "true", "Wait before the backend is asked, otherwise before the client is answered" },
	{ "jitter", OPT_TIME, offsetof(struct delay, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", NSEC_S },
	{ "distribution", OPT_CHOICE, offsetof(struct delay, distribution), "uniform", "How the jitter is drawn", .choices = dice_distributions },
	{ "percentiles", OPT_TABLE, offsetof(struct delay, percentiles), NULL, "How long by percentile, instead of sleep and jitter", NSEC_S },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct delay *o = e->opts;

	if (o->before == (e->moment == ON_REQUEST))
		v->hold = dice_time(e->dice, o->sleep, o->jitter, o->distribution, &o->percentiles);
}

BEHAVIOR(delay,
	.help = "Each round trip takes longer",
	.options = options, .opts_size = sizeof(struct delay),
	.on = ON_REQUEST | ON_RESPONSE,
	.act = act)
