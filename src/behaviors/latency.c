/* latency - every byte arrives later than it would: a longer way to the other end. */
#include "vaurien.h"

struct latency { nsec latency, jitter; const char *distribution; struct table percentiles; };

static const struct opt options[] = {
	{ "latency", OPT_TIME, offsetof(struct latency, latency), "0", "How much later", NSEC_MS },
	{ "jitter", OPT_TIME, offsetof(struct latency, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", NSEC_MS },
	{ "distribution", OPT_CHOICE, offsetof(struct latency, distribution), "uniform", "How the jitter is drawn", .choices = dice_distributions },
	{ "percentiles", OPT_TABLE, offsetof(struct latency, percentiles), NULL, "How late by percentile, instead of latency and jitter", NSEC_MS },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct latency *o = e->opts;

	v->hold = dice_time(e->dice, o->latency, o->jitter, o->distribution, &o->percentiles);
}

BEHAVIOR(latency,
	.help = "Bytes arrive late, counted from when they came; none overtakes another",
	.options = options, .opts_size = sizeof(struct latency),
	.on = ON_DATA, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
