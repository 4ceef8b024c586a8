/* vanish - the server's machine is gone: nothing is answered, not even by its kernel. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	v->end = VANISH;
}

BEHAVIOR(vanish,
	.help = "Nothing is answered any more, not even by the kernel: clients that connect wait, open connections get no ACK; with odds, from the exchanges drawn",
	.on = ON_LISTEN | ON_OPEN | ON_REQUEST,
	.act = act)
