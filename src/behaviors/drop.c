/* drop - a message is discarded; the connection stays. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	if (e->len)             /* 0: an error of our own, or no request */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(drop,
	.help = "Discards requests before the backend receives them; with direction = response, "
	        "discards responses",
	.group = VN_GROUP_BYTES,
	.example = "drop --match '^QUERY INSERT'",
	.sees = "no response, the connection stays open",
	.on = VN_ON_REQUEST | VN_ON_RESPONSE, .direction = VN_REQUEST,
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
