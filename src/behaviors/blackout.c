/* blackout - a server that has crashed: open connections and new ones are reset. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	if (e->moment == VN_ON_LISTEN) {        /* datagrams have no connections to reset */
		v->end = e->datagram ? VN_CLOSE : VN_STAY;
		return;
	}
	v->end = VN_RESET;
	if (e->moment == VN_ON_REQUEST)         /* the backend must not see this request */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(blackout,
	.help = "Resets all connections, open and new; with a probability or match, resets at the "
	        "requests chosen. The port of datagrams is closed",
	.group = VN_GROUP_CONNECTION,
	.example = "blackout --ttl 5s",
	.sees = "the connection is reset (RST), even an idle one",
	.on = VN_ON_LISTEN | VN_ON_OPEN | VN_ON_REQUEST,
	.traits = VN_TRAIT_DATAGRAMS | VN_TRAIT_CLOSES_PORT,
	.act = act)
