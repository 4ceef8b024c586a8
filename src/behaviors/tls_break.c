/* tls_break - the connection ends within the TLS handshake. */
#include "vaurien.h"

struct tls_break { const char *at, *how; };

static const char *const ends[] = { "reset", "close", NULL };

static const struct vn_opt options[] = {
	{ "at", VN_OPT_CHOICE, offsetof(struct tls_break, at), "client_hello",
	  "Where it ends: in place of the answer to the request for TLS, or to the ClientHello, or "
	  "after the ServerHello, or before the server's Finished", .choices = vn_tls_places },
	{ "how", VN_OPT_CHOICE, offsetof(struct tls_break, how), "reset",
	  "How it ends, with RST (reset) or FIN (close)", .choices = ends },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_break *o = e->opts;

	v->tls->breaks = vn_tls_place_of(o->at);
	v->tls->end = *o->how == 'r' ? VN_RESET : VN_CLOSE;
}

VN_BEHAVIOR(tls_break,
	.help = "Ends the connection within the TLS handshake",
	.group = VN_GROUP_TLS,
	.example = "tls_break --how close --at server_hello",
	.sees = "the connection is reset, or ends, before the handshake is done",
	.options = options, .opts_size = sizeof(struct tls_break),
	.on = VN_ON_OPEN | VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
