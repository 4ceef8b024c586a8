/* tls_stall - a handshake that does not go on: the server says nothing more. */
#include "vaurien.h"

struct tls_stall { const char *at; };

static const struct vn_opt options[] = {
	{ "at", VN_OPT_CHOICE, offsetof(struct tls_stall, at), "client_hello",
	  "Where it stalls: the request for TLS is not answered, or the ClientHello, or after the "
	  "ServerHello, or before the server's Finished", .choices = vn_tls_places },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_stall *o = e->opts;

	v->tls->stall = vn_tls_place_of(o->at);
}

VN_BEHAVIOR(tls_stall,
	.help = "Stalls TLS handshakes, until the rule is removed",
	.group = VN_GROUP_TLS,
	.example = "tls_stall --ttl 30s",
	.sees = "a connect that never ends, but for the client's own time-out",
	.options = options, .opts_size = sizeof(struct tls_stall),
	.on = VN_ON_OPEN | VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
