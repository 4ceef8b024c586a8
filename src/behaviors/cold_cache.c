/* cold_cache - nothing is found: every read is a miss. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	v->fate = REPLY;
	v->failure = "miss";
}

BEHAVIOR(cold_cache,
	.help = "Every read finds nothing, as in a cache that has just been started; writes and all else are as ever",
	.on = ON_REQUEST, .failure = "miss",
	.act = act)
