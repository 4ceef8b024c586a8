/* noop - no fault, under the name that Toxiproxy has for it. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
}

VN_BEHAVIOR(noop,
	.help = "Changes nothing: as dummy, with the name that Toxiproxy has for it",
	.group = VN_GROUP_NONE,
	.example = "noop",
	.sees = "what the backend sends",
	.direction = VN_RESPONSE,
	.act = act)
