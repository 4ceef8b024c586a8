/* refuse - nobody listens: new clients are refused, open connections stay. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	v->end = CLOSE;
}

BEHAVIOR(refuse,
	.help = "New clients are refused, as where no server runs; open connections stay",
	.on = ON_LISTEN,
	.act = act)
