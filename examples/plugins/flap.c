/* flap - the server is there for a while, and then for a while it is not. */
#include "vaurien.h"

struct flap { nsec up, down; };

static const struct opt options[] = {
	{ "up", OPT_TIME, offsetof(struct flap, up), "10", "How long all is well", NSEC_S },
	{ "down", OPT_TIME, offsetof(struct flap, down), "2", "How long requests wait after that", NSEC_S },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct flap *o = e->opts;
	nsec round = o->up + o->down, at = round ? e->age % round : 0;

	if (at >= o->up)
		v->hold = round - at;
}

BEHAVIOR(flap,
	.help = "The server is there for a while, and then for a while it is not",
	.options = options, .opts_size = sizeof(struct flap),
	.on = ON_REQUEST,
	.act = act)
