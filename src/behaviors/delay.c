/* delay - a round trip takes longer: its request waits, or its response. */
#include "vaurien.h"

struct delay { nsec sleep, jitter; bool before; const char *distribution; };

static const char *const distributions[] = { "uniform", "normal", NULL };

static const struct opt options[] = {
	{ "sleep", OPT_TIME, offsetof(struct delay, sleep), "1", "How long", NSEC_S },
	{ "before", OPT_BOOL, offsetof(struct delay, before), "true", "Wait before the backend is asked, otherwise before the client is answered" },
	{ "jitter", OPT_TIME, offsetof(struct delay, jitter), "0", "How far it varies around that: at most (uniform) or as a standard deviation (normal)", NSEC_S },
	{ "distribution", OPT_CHOICE, offsetof(struct delay, distribution), "uniform", "How the jitter is drawn", .choices = distributions },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct delay *o = e->opts;

	if (o->before != (e->moment == ON_REQUEST))
		return;
	v->hold = o->sleep;
	if (o->jitter) {
		double off = *o->distribution == 'u' ? 2 * dice_unit(e->dice) - 1 : dice_normal(e->dice);
		double late = (double)o->sleep + off * (double)o->jitter;
		v->hold = late < 0 ? 0 : late > 0x1p62 ? NEVER : (nsec)late;
	}
}

BEHAVIOR(delay,
	.help = "Each round trip takes longer",
	.options = options, .opts_size = sizeof(struct delay),
	.on = ON_REQUEST | ON_RESPONSE,
	.act = act)
