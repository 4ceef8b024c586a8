/* abort - the connection closes instead of a response. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	if (e->msg->role != VN_PUSH)       /* a greeting answers no request */
		v->end = VN_CLOSE;
}

VN_BEHAVIOR(abort,
	.help = "Forwards a request to the backend, then closes the connection without a byte of "
	        "the response",
	.group = VN_GROUP_CONNECTION,
	.example = "abort --match '^QUERY INSERT'",
	.sees = "no response, the connection closes (FIN)",
	.on = VN_ON_REQUEST,
	.act = act)
