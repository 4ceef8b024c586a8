/* abort - the request arrives, and the connection is closed without an answer. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	if (e->msg->role != VN_PUSH)       /* a greeting has no request that could be aborted */
		v->end = VN_CLOSE;
}

VN_BEHAVIOR(abort,
	.help = "The request reaches the backend, then the connection is closed without a byte of the answer",
	.on = VN_ON_REQUEST,
	.act = act)
