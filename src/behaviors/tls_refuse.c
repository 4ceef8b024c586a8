/* tls_refuse - the server says that it has no TLS, as after a wrong change of its settings. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->tls->refused = true;
}

VN_BEHAVIOR(tls_refuse,
	.help = "Refuses the client's request for TLS: PostgreSQL's N, no CLIENT_SSL in MySQL's "
	        "greeting, no STARTTLS in SMTP",
	.group = VN_GROUP_TLS,
	.example = "tls_refuse",
	.sees = "a client that requires TLS fails; one that prefers it goes on in plain text",
	.on = VN_ON_OPEN,
	.traits = VN_TRAIT_NEW | VN_TRAIT_UPGRADE,
	.act = act)
