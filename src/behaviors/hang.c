/* hang - the server takes everything and says nothing, until the rule goes. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	v->hold = NEVER;
}

BEHAVIOR(hang,
	.help = "Connections stay open and silent; what was held goes on in order when this is changed",
	.on = ON_REQUEST | ON_RESPONSE | ON_END,
	.act = act)
