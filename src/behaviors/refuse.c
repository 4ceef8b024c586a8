/* refuse - nobody listens: new clients are refused, open connections stay. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_CLOSE;
}

VN_BEHAVIOR(refuse,
	.help = "New clients are refused, as where no server runs; open connections stay",
	.on = VN_ON_LISTEN,
	.act = act)
