/* blackout - the server is out: its connections are reset, those that are open and those to come. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	v->end = RESET;
	if (e->moment == ON_REQUEST)    /* with odds: only the exchanges that the dice name; the backend sees none of them */
		v->fate = DROP;
}

BEHAVIOR(blackout,
	.help = "Connections are reset at once, idle or not, open or new; with odds, at the exchanges drawn",
	.on = ON_OPEN | ON_REQUEST,
	.act = act)
