/* vanish - the server's machine is gone: nothing is answered, not even by its kernel. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->end = VN_VANISH;
}

VN_BEHAVIOR(vanish,
	.help = "Nothing is answered any more, not even by the kernel: clients that connect wait, open connections get no ACK; with odds, from the exchanges drawn",
	.on = VN_ON_LISTEN | VN_ON_OPEN | VN_ON_REQUEST,
	.act = act)
