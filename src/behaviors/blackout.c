/* blackout - the server is out: its connections are reset, those that are open and those to come. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_RESET;
	if (e->moment == VN_ON_REQUEST)    /* with odds: only the exchanges that the dice name; the backend sees none of them */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(blackout,
	.help = "Connections are reset at once, idle or not, open or new; with odds, at the exchanges drawn",
	.on = VN_ON_OPEN | VN_ON_REQUEST,
	.act = act)
