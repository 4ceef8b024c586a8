/* drop - a message vanishes, and nobody is told. */
#include "vaurien.h"

static void act(const struct event *e, struct verdict *v)
{
	if (e->len)             /* else nobody asked, or the answer is a refusal in our own words */
		v->fate = DROP;
}

BEHAVIOR(drop,
	.help = "Requests vanish: the backend never sees them, the client waits for an answer until it loses patience; direction = response: the answers do",
	.on = ON_REQUEST | ON_RESPONSE, .direction = REQUEST,
	.act = act)
