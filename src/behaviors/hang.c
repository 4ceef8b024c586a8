/* hang - the server takes everything and says nothing, until the rule goes. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->hold = VN_NEVER;
}

VN_BEHAVIOR(hang,
	.help = "Connections stay open and silent; what was held goes on in order when this is changed",
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_END,
	.act = act)
