/* tls_cipher - client and server have no cipher in common, or only certain ones. */
#include "vaurien.h"

struct tls_cipher { const char *only; };

static const struct vn_opt options[] = {
	{ "only", VN_OPT_TEXT, offsetof(struct tls_cipher, only), NULL,
	  "The ciphers that the server has, as OpenSSL lists them; not given: none of the client's",
	  .check = vn_tls_ciphers_check },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_cipher *o = e->opts;

	v->tls->ciphers = o->only ? o->only : "";
}

VN_BEHAVIOR(tls_cipher,
	.help = "Has no cipher in common with the client, or only certain ones",
	.group = VN_GROUP_TLS,
	.example = "tls_cipher",
	.sees = "the handshake fails with the alert handshake_failure",
	.options = options, .opts_size = sizeof(struct tls_cipher),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
