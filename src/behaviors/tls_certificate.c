/* tls_certificate - the server shows a bad certificate: expired, of another host, revoked ... */
#include "vaurien.h"

struct tls_certificate { const char *flaw, *file; };

static const char *const flaws[] = {
	"expired", "not_yet_valid", "wrong_host", "self_signed", "unknown_ca",
	"incomplete_chain", "expired_chain", "revoked", "wrong_usage", "no_san", "weak_key",
	"weak_signature", "huge", NULL
};

enum { FLAWS = sizeof flaws / sizeof flaws[0] - 1 };

static const struct vn_opt options[] = {
	{ "flaw", VN_OPT_CHOICE, offsetof(struct tls_certificate, flaw), NULL,
	  "What is wrong with the certificate; not given: drawn for each handshake",
	  .choices = flaws },
	{ "file", VN_OPT_TEXT, offsetof(struct tls_certificate, file), NULL,
	  "Show the certificate of this PEM file instead, which has its key, too",
	  .check = vn_tls_certificate_check },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_certificate *o = e->opts;

	if (o->file)
		v->tls->file = o->file;
	else
		v->tls->flaw = o->flaw ? o->flaw : flaws[vn_dice_below(e->dice, FLAWS)];
}

VN_BEHAVIOR(tls_certificate,
	.help = "Shows clients a certificate with one flaw",
	.group = VN_GROUP_TLS,
	.example = "tls_certificate --flaw expired",
	.sees = "a client that verifies rejects the certificate, and does not connect",
	.options = options, .opts_size = sizeof(struct tls_certificate),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
