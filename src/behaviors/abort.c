/* abort - the request arrives, and the connection is closed without an answer. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	if (e->msg->role != PUSH)       /* a greeting has no request that could be aborted */
		v->end = CLOSE;
}

BEHAVIOR(abort,
	.help = "The request reaches the backend, then the connection is closed without a byte of the answer",
	.on = ON_REQUEST,
	.act = act)
