/* cold_cache - nothing is found: every read is a miss. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->fate = VN_REPLY;
	v->failure = "miss";
}

VN_BEHAVIOR(cold_cache,
	.help = "Every read finds nothing, as in a cache that has just been started; writes and all else are as ever",
	.on = VN_ON_REQUEST, .failure = "miss",
	.act = act)
