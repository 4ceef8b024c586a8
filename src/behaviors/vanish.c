/* vanish - the machine of the server is gone: even its kernel answers nothing. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_VANISH;
}

VN_BEHAVIOR(vanish,
	.help = "Stops all answers, even ACKs of the kernel, to new and open connections; with a "
	        "probability or match, from each request chosen",
	.group = VN_GROUP_CONNECTION,
	.example = "vanish --ttl 30s",
	.sees = "a connect gets no answer, an open connection no response",
	.on = VN_ON_LISTEN | VN_ON_OPEN | VN_ON_REQUEST,
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
