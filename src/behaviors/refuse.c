/* refuse - nothing listens: new clients are refused, and open connections stay. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_CLOSE;
}

VN_BEHAVIOR(refuse,
	.help = "Refuses new connections, as if no server ran; open connections stay. The port of "
	        "datagrams is closed for all clients",
	.group = VN_GROUP_CONNECTION,
	.example = "refuse --ttl 10s",
	.sees = "a connect is refused; open connections work",
	.on = VN_ON_LISTEN,
	.traits = VN_TRAIT_NEW | VN_TRAIT_DATAGRAMS | VN_TRAIT_CLOSES_PORT,
	.act = act)
