/* cold_cache - an empty cache: each read is a miss. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->fate = VN_REPLY;
	v->failure = "miss";
}

VN_BEHAVIOR(cold_cache,
	.help = "Answers each read with a miss, as a cache does after a restart; all other "
	        "requests pass unchanged",
	.group = VN_GROUP_ERRORS,
	.example = "cold_cache --ttl 60s",
	.sees = "each read finds nothing",
	.on = VN_ON_REQUEST, .failure = "miss",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
