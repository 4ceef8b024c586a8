/* tls_forget - tickets of before are worthless, as after a restart of the server. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->tls->forget = e->hello->resumes;
}

VN_BEHAVIOR(tls_forget,
	.help = "Accepts no ticket, so that clients cannot resume their sessions",
	.group = VN_GROUP_TLS,
	.example = "tls_forget",
	.sees = "full handshakes, which take longer than resumed ones",
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
