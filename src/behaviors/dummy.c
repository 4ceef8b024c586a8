/* dummy - no fault. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
}

VN_BEHAVIOR(dummy,
	.help = "Changes nothing: this is the behavior when no fault is set",
	.group = VN_GROUP_NONE,
	.example = "dummy",
	.sees = "what the backend sends",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
