/* tls_plain - plain text answers the ClientHello, as from a server without TLS on that port. */
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->tls->plain = true;
}

VN_BEHAVIOR(tls_plain,
	.help = "Answers TLS handshakes with plain text: an error of the protocol, or random bytes",
	.group = VN_GROUP_TLS,
	.example = "tls_plain",
	.sees = "the handshake fails: what the client reads is no record of TLS",
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
