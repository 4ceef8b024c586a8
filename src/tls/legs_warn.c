/* legs_warn.c - what users should know of a proxy's TLS, as lines of the log. */
#include <openssl/ssl.h>

#include "base/log.h"
#include "tls/identity.h"
#include "tls/legs.h"

static void warn_leg(const struct spec *s, const struct tls_leg *leg, const struct tls_leg *was)
{
	if (leg && leg->lowest < TLS1_2_VERSION && (!was || was->lowest >= TLS1_2_VERSION))
		log_warning("proxy=%s: %s_tls_min allows TLS below 1.2, with weak keys and ciphers",
		            s->name, leg->backend ? "backend" : "client");
}

/* The client's TLS ends at the proxy. */
static bool terminates(const struct spec *s)
{
	return s && s->client_tls && !s->backend_tls;
}

static bool unverified(const struct spec *s)
{
	return s && s->backend_tls && !s->backend_tls->must;
}

void tls_legs_warn(const struct spec *s, const struct spec *was)
{
	static bool told;
	const struct tls_identity *id = tls_identity();

	if (terminates(s) && !terminates(was))
		log_warning("proxy=%s: the client's TLS ends here; the backend leg is not "
		            "encrypted", s->name);
	if (unverified(s) && !unverified(was))
		log_warning("proxy=%s: the backend's certificate is not verified", s->name);
	warn_leg(s, s->client_tls, was ? was->client_tls : NULL);
	warn_leg(s, s->backend_tls, was ? was->backend_tls : NULL);
	if (told || !id || !s->client_tls || s->client_tls->cert.file)
		return;
	told = true;
	if (id->folder)
		log_info("the CA of this program is %s/ca.pem", id->folder);
	else
		log_warning("the CA of this program is in memory only, because it cannot be "
		            "written; --tls-dir keeps one");
}
