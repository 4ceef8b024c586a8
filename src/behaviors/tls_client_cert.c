/* tls_client_cert - the server demands a certificate of the client, or rejects the one it shows. */
#include "vaurien.h"

struct tls_client_cert { const char *demand, *reject; };

static const char *const demands[] = { "require", "request", NULL };
static const char *const reasons[] = { "unknown_ca", "expired", "revoked", "bad", NULL };
static const char *const alerts[] = { "unknown_ca", "certificate_expired", "certificate_revoked",
	                              "bad_certificate" };

static const struct vn_opt options[] = {
	{ "demand", VN_OPT_CHOICE, offsetof(struct tls_client_cert, demand), "require",
	  "A client without a certificate is rejected (require), or accepted (request)",
	  .choices = demands },
	{ "reject", VN_OPT_CHOICE, offsetof(struct tls_client_cert, reject), NULL,
	  "Why the certificate that a client shows is rejected; not given: any is accepted, unless "
	  "client_tls_verify rejects it", .choices = reasons },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_client_cert *o = e->opts;

	v->tls->demand = o->demand[4] == 'i';   /* require, not request */
	for (unsigned i = 0; o->reject && reasons[i]; i++)
		if (*o->reject == *reasons[i])
			v->tls->reject = alerts[i];
}

VN_BEHAVIOR(tls_client_cert,
	.help = "Demands a certificate of the client, or rejects the one that it shows",
	.group = VN_GROUP_TLS,
	.example = "tls_client_cert --reject expired",
	.sees = "an alert; with TLS 1.3 at the first read, when the client believes that it is "
	        "connected",
	.options = options, .opts_size = sizeof(struct tls_client_cert),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
