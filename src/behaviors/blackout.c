/* blackout - a server that has crashed: open connections and new ones are reset. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_RESET;
	if (e->moment == VN_ON_REQUEST)         /* the backend must not see this request */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(blackout,
	.help = "Resets all connections, open and new; with a probability or match, resets at the "
	        "requests chosen",
	.group = VN_GROUP_CONNECTION,
	.example = "blackout --ttl 5s",
	.sees = "the connection is reset (RST), even an idle one",
	.on = VN_ON_OPEN | VN_ON_REQUEST,
	.act = act)
