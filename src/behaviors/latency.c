/* latency - every byte arrives later than it would: a longer way to the other end. */
#include "vaurien.h"

struct latency { vn_nsec latency, jitter; const char *distribution; struct vn_table percentiles; };

static const struct vn_opt options[] = {
	{ "latency", VN_OPT_TIME, offsetof(struct latency, latency), "0", "How much later", VN_MS },
	{ "jitter", VN_OPT_TIME, offsetof(struct latency, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", VN_MS },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct latency, distribution), "uniform", "How the jitter is drawn", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct latency, percentiles), NULL, "How late by percentile, instead of latency and jitter", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct latency *o = e->opts;

	v->hold = vn_dice_time(e->dice, o->latency, o->jitter, o->distribution, &o->percentiles);
}

VN_BEHAVIOR(latency,
	.help = "Bytes arrive late, counted from when they came; none overtakes another",
	.options = options, .opts_size = sizeof(struct latency),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
