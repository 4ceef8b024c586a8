/* delay - a round trip takes longer: its request waits, or its response. */
#include "vaurien.h"

struct delay { vn_nsec sleep, jitter; bool before; const char *distribution; struct vn_table percentiles; };

static const struct vn_opt options[] = {
	{ "sleep", VN_OPT_TIME, offsetof(struct delay, sleep), "1", "How long", VN_S },
	{ "before", VN_OPT_BOOL, offsetof(struct delay, before), "true", "Wait before the backend is asked, otherwise before the client is answered" },
	{ "jitter", VN_OPT_TIME, offsetof(struct delay, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (the others)", VN_S },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct delay, distribution), "uniform", "How the jitter is drawn", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct delay, percentiles), NULL, "How long by percentile, instead of sleep and jitter", VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct delay *o = e->opts;

	if (o->before == (e->moment == VN_ON_REQUEST))
		v->hold = vn_dice_time(e->dice, o->sleep, o->jitter, o->distribution, &o->percentiles);
}

VN_BEHAVIOR(delay,
	.help = "Each round trip takes longer",
	.options = options, .opts_size = sizeof(struct delay),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE,
	.act = act)
