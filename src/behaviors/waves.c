/* waves - a delay that rises and falls with time, in the shape of a wave. */
#include <math.h>

#include "vaurien.h"

struct waves { const char *shape; vn_nsec period, low, high; bool in_order; };

static const char *const shapes[] = { "sine", "square", "saw", "triangle", NULL };

static const struct vn_opt options[] = {
	{ "shape", VN_OPT_CHOICE, offsetof(struct waves, shape), "sine",
	  "Shape of the wave: sine and triangle are even, square jumps from low to high after "
	  "half a period, saw rises slowly and falls at once", .choices = shapes },
	{ "period", VN_OPT_TIME, offsetof(struct waves, period), "60",
	  "Time from one low to the next", VN_S },
	{ "low", VN_OPT_TIME, offsetof(struct waves, low), "0", "Shortest delay", VN_S },
	{ "high", VN_OPT_TIME, offsetof(struct waves, high), "1", "Longest delay", VN_S },
	{ "in_order", VN_OPT_BOOL, offsetof(struct waves, in_order), "false",
	  "Datagrams keep their order; without it one with a shorter delay overtakes others" },
	{ 0 }
};

/* The height of the wave, 0 to 1. `at`: the share of the period that is over, 0 to 1. */
static double height(const char *shape, double at)
{
	switch (shape[1]) {
	case 'q': return at < 0.5 ? 0 : 1;
	case 'a': return at;
	case 'r': return at < 0.5 ? 2 * at : 2 - 2 * at;
	default:  return (1 - cos(2 * M_PI * at)) / 2;
	}
}

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct waves *o = e->opts;
	double at = o->period > 0 ? (double)(e->age % o->period) / (double)o->period : 0;

	v->in_order = o->in_order;
	v->hold = o->low + (vn_nsec)(height(o->shape, at) * (double)(o->high - o->low));
}

VN_BEHAVIOR(waves,
	.help = "Delays requests by a time that rises and falls since the rule was set",
	.group = VN_GROUP_TIME,
	.example = "waves --period 60s --high 1s",
	.sees = "responses arrive late, by a time that rises and falls",
	.options = options, .opts_size = sizeof(struct waves),
	.on = VN_ON_REQUEST,
	.needs = "low high", .without = "nothing will be late",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
