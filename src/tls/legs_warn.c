/* legs_warn.c - what users should know of a proxy's TLS, as lines of the log. */
#include <openssl/ssl.h>
#include <string.h>

#include "base/log.h"
#include "tls/identity.h"
#include "tls/legs.h"
#include "tls/pem.h"

static const char *name_of(const struct tls_leg *leg)
{
	return leg->backend ? "backend" : "client";
}

static void warn_dates(const struct spec *s, const struct tls_leg *leg, const struct tls_leg *was)
{
	bool told = was && tls_pem_same(&was->cert, &leg->cert);
	X509 *cert = leg->cert.file && !told ? pem_certificate(&leg->cert, NULL) : NULL;

	if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		log_warning("proxy=%s: the certificate of %s_tls_cert has expired", s->name,
		            name_of(leg));
	else if (cert && X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		log_warning("proxy=%s: the certificate of %s_tls_cert is not valid yet", s->name,
		            name_of(leg));
	X509_free(cert);
}

static void warn_leg(const struct spec *s, const struct tls_leg *leg, const struct tls_leg *was)
{
	if (leg)
		warn_dates(s, leg, was);
	if (leg && leg->lowest < TLS1_2_VERSION && (!was || was->lowest >= TLS1_2_VERSION))
		log_warning("proxy=%s: %s_tls_min allows TLS below 1.2, with weak keys and ciphers",
		            s->name, name_of(leg));
}

/* Options of a leg that is off do nothing, and neither does a CA that verifies nobody. */
static const char *idle_because(const struct spec *s, const char *option)
{
	bool client = !strncmp(option, "client_tls", strlen("client_tls"));

	if (client && !s->client_tls)
		return "client_tls is off";
	if (!client && !s->backend_tls)
		return "backend_tls is off";
	if (!strcmp(option, "client_tls_ca") && !s->client_tls->verify)
		return "client_tls_verify is off";
	return NULL;
}

static void warn_idle(const struct spec *s, const struct spec *was)
{
	json_t *now = json_object(), *before = json_object(), *value;
	const char *option, *why;

	tls_values_show(&s->tls, now);
	if (was && json_object_size(now))
		tls_values_show(&was->tls, before);
	json_object_foreach(now, option, value) {
		why = idle_because(s, option);
		if (why && !(json_equal(json_object_get(before, option), value) &&
		             idle_because(was, option)))
			log_warning("proxy=%s: %s does nothing, because %s", s->name, option, why);
	}
	json_decref(now);
	json_decref(before);
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
	warn_idle(s, was);
	if (told || !id || !s->client_tls || s->client_tls->cert.file)
		return;
	told = true;
	if (id->folder)
		log_info("the CA of this program is %s/ca.pem", id->folder);
	else
		log_warning("the CA of this program is in memory only, because it cannot be "
		            "written; --tls-dir keeps one");
}
