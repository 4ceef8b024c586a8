/* slow_open - the first bytes of a connection are late, all others are not. */
#include "vaurien.h"

struct slow_open { nsec delay; };

static const struct opt options[] = {
	{ "delay", OPT_TIME, offsetof(struct slow_open, delay), "0", "How late", NSEC_MS },
	{ 0 }
};

struct begun { bool in[2]; };           /* either direction */

static void act(const struct event *e, struct verdict *v)
{
	const struct slow_open *o = e->opts;
	bool *begun = &((struct begun *)e->state)->in[e->direction == RESPONSE];

	if (!*begun)
		v->hold = o->delay;
	*begun = true;
}

BEHAVIOR(slow_open,
	.help = "What comes first of a connection, or first since the rule came, is late; what follows it waits behind it",
	.options = options, .opts_size = sizeof(struct slow_open), .state_size = sizeof(struct begun),
	.on = ON_DATA, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
