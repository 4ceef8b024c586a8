/* waves - latency that rises and falls with time, by the shape of a wave. */
#include <math.h>

#include "vaurien.h"

struct waves { const char *shape; vn_nsec period, low, high; };

static const char *const shapes[] = { "sine", "square", "saw", "triangle", NULL };

static const struct vn_opt options[] = {
	{ "shape", VN_OPT_CHOICE, offsetof(struct waves, shape), "sine", "Up and down evenly (sine, triangle), low then high by halves (square), slowly up and down at once (saw)", .choices = shapes },
	{ "period", VN_OPT_TIME, offsetof(struct waves, period), "60", "From one wave's beginning, at its lowest, to the next's", VN_S },
	{ "low", VN_OPT_TIME, offsetof(struct waves, low), "0", "How long requests wait at least", VN_S },
	{ "high", VN_OPT_TIME, offsetof(struct waves, high), "1", "How long at most", VN_S },
	{ 0 }
};

/* How high the wave is, 0 to 1, when this share of its period is over. */
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

	v->hold = o->low + (vn_nsec)(height(o->shape, at) * (double)(o->high - o->low));
}

VN_BEHAVIOR(waves,
	.help = "Requests wait, now less, now more: a wave over the time since the rule was set",
	.options = options, .opts_size = sizeof(struct waves),
	.on = VN_ON_REQUEST,
	.act = act)
