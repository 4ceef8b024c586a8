/* hang - a server that accepts everything and answers nothing until the rule is removed. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->hold = VN_NEVER;
}

VN_BEHAVIOR(hang,
	.help = "Holds requests and responses until the rule is removed or changed, then delivers "
	        "them in order",
	.group = VN_GROUP_TIME,
	.example = "hang --ttl 30s",
	.sees = "no response, the connection stays open; later all responses, in order",
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_END,
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
