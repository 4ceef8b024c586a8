/* drop - a message vanishes, and nobody is told. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	if (e->len)             /* else nobody asked, or the answer is a refusal in our own words */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(drop,
	.help = "Requests vanish: the backend never sees them, the client waits for an answer until it loses patience; direction = response: the answers do",
	.on = VN_ON_REQUEST | VN_ON_RESPONSE, .direction = VN_REQUEST,
	.act = act)
