/* legs.c - from a proxy's options of TLS to its legs. */
#include "tls/legs.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tls/identity.h"
#include "tls/mint.h"
#include "tls/pem.h"
#include "tls/rsa.h"
#include "tls/tickets.h"
#include "tls/trust.h"

struct given {                          /* the options of one leg */
	const char *leg;                /* "client_tls" */
	const char *mode, *start, *cert, *key, *alpn, *min, *max, *ciphers;
	const char *no_file;            /* the word for no certificate */
};

struct making {
	const struct spec *spec;
	const struct tls_options *options;
	struct given given;
	struct tls_leg *leg;
	char *error;
};

/* Returns false. `field`: behind the leg's name, "_key". */
__attribute__((format(printf, 3, 4)))
static bool refuse(struct making *m, const char *field, const char *format, ...)
{
	char why[ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	error_format(m->error, "%s%s: %.800s", m->given.leg, field, why);
	return false;
}

static bool given_file(const char *text, const char *none)
{
	return text && *text && strcmp(text, none);
}

/* ---- certificates and keys ---- */

static bool file_take(struct making *m, const char *field, const char *path, bool secret,
                      struct tls_pem *to)
{
	char why[ERROR_MAX];

	return pem_file_read(to, path, PEM_MAX, secret, why) || refuse(m, field, "%s", why);
}

static bool pair_check(struct making *m, const struct tls_pem *with_key)
{
	char shown[200];
	const char *path = pem_path(with_key->file, shown);
	X509 *cert = pem_certificate(&m->leg->cert, NULL);
	EVP_PKEY *key = pem_key(with_key);
	bool good = false;

	if (!cert) {
		char shown_cert[200];
		refuse(m, "_cert", "expected a certificate in PEM, got none (%s)",
		       pem_path(m->leg->cert.file, shown_cert));
	} else if (pem_is_encrypted(with_key)) {
		refuse(m, "_key", "expected a key without a passphrase, got an encrypted one (%s)",
		       path);
	} else if (!key) {
		refuse(m, "_key", "expected a private key in PEM, got none (%s)", path);
	} else if (X509_check_private_key(cert, key) <= 0) {
		refuse(m, "_key", "expected the key of %s_cert, got another's (%s)", m->given.leg,
		       path);
	} else {
		good = true;
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

/* The key may be in the file of the certificate, which is a secret then. */
static bool certificate_take(struct making *m)
{
	const struct given *g = &m->given;
	struct tls_pem probe;

	if (!given_file(g->cert, g->no_file))
		return !given_file(g->key, g->no_file) ||
		       refuse(m, "_key", "expected %s_cert beside it", g->leg);
	if (!file_take(m, "_cert", g->cert, false, &m->leg->cert))
		return false;
	if (given_file(g->key, g->no_file))
		return file_take(m, "_key", g->key, true, &m->leg->key) &&
		       pair_check(m, &m->leg->key);
	if (pem_has_key(&m->leg->cert)) {
		if (!file_take(m, "_cert", g->cert, true, &probe))
			return false;
		pem_file_free(&m->leg->cert);
		m->leg->cert = probe;
	}
	return pair_check(m, &m->leg->cert);
}

static bool trust_take(struct making *m, const char *path)
{
	char why[ERROR_MAX];

	m->leg->trust = tls_trust_read(path, why);
	return m->leg->trust || refuse(m, "_ca", "%s", why);
}

/* ---- words ---- */

static unsigned version_of(const char *text)
{
	return TLS1_VERSION + (unsigned)(text[2] - '0');        /* "1.0" to "1.3" */
}

static bool versions_take(struct making *m)
{
	const struct given *g = &m->given;

	m->leg->lowest = version_of(g->min);
	m->leg->highest = version_of(g->max);
	return m->leg->lowest <= m->leg->highest ||
	       refuse(m, "_min", "expected at most %s_max, which is %s, got %s", g->leg, g->max,
	              g->min);
}

static void list_drop_empty(char **list)
{
	if (**list)
		return;
	free(*list);
	*list = NULL;
}

/* Names of suites of 1.3 go to one list, all else to the other. */
static bool ciphers_take(struct making *m)
{
	const char *text = m->given.ciphers;
	size_t room = text ? strlen(text) + 2 : 0;
	char shown[100];

	if (!text || !*text)
		return true;
	m->leg->ciphers = xcalloc(1, room);
	m->leg->suites = xcalloc(1, room);
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ":, ");
		char *to = n > 4 && !strncmp(at, "TLS_", 4) ? m->leg->suites : m->leg->ciphers;
		if (n)
			text_add(to, room, "%s%.*s", *to ? ":" : "", (int)n, at);
		at += n + !!at[n];
	}
	SSL_CTX *probe = SSL_CTX_new(TLS_method());
	bool good = probe && (*m->leg->ciphers || *m->leg->suites) &&
	            (!*m->leg->ciphers || SSL_CTX_set_cipher_list(probe, m->leg->ciphers)) &&
	            (!*m->leg->suites || SSL_CTX_set_ciphersuites(probe, m->leg->suites));
	SSL_CTX_free(probe);
	ERR_clear_error();
	list_drop_empty(&m->leg->ciphers);
	list_drop_empty(&m->leg->suites);
	return good || refuse(m, "_ciphers", "expected cipher suites as OpenSSL writes them, got "
	                      "'%s'", text_printable(text, shown, sizeof shown));
}

static bool alpn_take(struct making *m)
{
	const char *text = m->given.alpn;
	char shown[100];
	size_t n = 0;

	if (!text)
		return true;
	if (m->leg->backend && !strcmp(text, "client")) {
		m->leg->alpn_client = true;
		return true;
	}
	m->leg->alpn = xstrdup(strcmp(text, "none") ? text : "");
	for (const char *at = m->leg->alpn; *at; at += n + !!at[n]) {
		n = strcspn(at, ",");
		bool last = at[n] && !at[n + 1];
		if (!n || n > 255 || last || strcspn(at, " \t") < n || strlen(text) > 1000)
			return refuse(m, "_alpn", "expected names of protocols with commas between "
			              "them, got '%s'", text_printable(text, shown, sizeof shown));
	}
	return true;
}

static bool start_take(struct making *m)
{
	const struct vn_protocol *p = m->spec->protocol;
	const char *text = m->given.start;

	m->leg->start = !strcmp(text, "upgrade")  ? TLS_START_UPGRADE :
	                !strcmp(text, "implicit") ? TLS_START_IMPLICIT : TLS_START_AUTO;
	return m->leg->start != TLS_START_UPGRADE || p->tls_start != VN_TLS_IMPLICIT ||
	       refuse(m, "_start", "expected auto or implicit, since %s has no upgrade to TLS, got "
	              "upgrade", p->name);
}

static bool is_name(const char *text, size_t n)
{
	char name[TLS_NAME_MAX + 1];
	unsigned char ignored[sizeof(struct in6_addr)];

	if (mint_name_good(text, n, name))
		return true;
	if (n > TLS_NAME_MAX)
		return false;
	memcpy(name, text, n);
	name[n] = 0;
	return inet_pton(AF_INET6, name, ignored) == 1;
}

static bool names_take(struct making *m)
{
	const char *text = m->options->client_names;
	char one[100], shown[100];
	unsigned count = 0;

	for (const char *at = text; at && *at;) {
		size_t n = strcspn(at, ",");
		count++;
		snprintf(one, sizeof one, "%.*s", (int)(n < 90 ? n : 90), at);
		if (!is_name(at, n) || count > 32)
			return refuse(m, "_names", "expected at most 32 DNS names and addresses "
			              "with commas between them, got '%s' as number %u",
			              text_printable(one, shown, sizeof shown), count);
		at += n + !!at[n];
	}
	m->leg->names = xstrdup(text);
	return true;
}

static bool backend_name_take(struct making *m)
{
	const char *text = m->options->backend_name;
	char shown[100];

	m->leg->name = !text ? xstrdup("") : strcmp(text, "client") ? xstrdup(text) : NULL;
	if (text && !is_name(text, strlen(text)))
		return refuse(m, "_name", "expected a DNS name or an address, got '%s'",
		              text_printable(text, shown, sizeof shown));
	return !(m->leg->must && !text && m->spec->backend.unix_path) ||
	       refuse(m, "_name", "expected a name where the backend is a unix socket and "
	              "backend_tls is verify");
}

/* ---- the legs ---- */

static bool common_take(struct making *m)
{
	return start_take(m) && versions_take(m) && ciphers_take(m) && alpn_take(m) &&
	       certificate_take(m);
}

static bool client_fill(struct making *m)
{
	const struct tls_options *o = m->options;
	struct tls_leg *leg = m->leg;
	bool postgres = !strcmp(m->spec->protocol->name, "postgres");

	leg->must = !strcmp(o->client_tls, "require");
	leg->rsa = !strcmp(o->client_key_type, "rsa");
	leg->tickets = o->client_tickets == TLS_TICKETS_OPEN ? !postgres :
	                                                      (unsigned)o->client_tickets;
	leg->verify = !strcmp(o->client_verify, "off")     ? TLS_VERIFY_OFF :
	              !strcmp(o->client_verify, "request") ? TLS_VERIFY_REQUEST :
	                                                     TLS_VERIFY_REQUIRE;
	if (leg->verify && !o->client_ca)
		return refuse(m, "_ca", "expected a file where client_tls_verify is %s",
		              o->client_verify);
	if (!names_take(m) || !common_take(m) || (leg->verify && !trust_take(m, o->client_ca)))
		return false;
	return leg->cert.file || tls_identity_make(leg->rsa, m->error);
}

static bool backend_fill(struct making *m)
{
	const struct tls_options *o = m->options;

	m->leg->must = !strcmp(o->backend_tls, "verify");
	m->leg->resume = o->backend_resume;
	return backend_name_take(m) && common_take(m) &&
	       trust_take(m, given_file(o->backend_ca, "system") ? o->backend_ca : NULL);
}

/* *to is the leg, or NULL; a reference. False: refused. */
static bool leg_make(struct making m, const struct tls_leg *was,
                     bool (*fill)(struct making *), struct tls_leg **to)
{
	*to = NULL;
	if (!strcmp(m.given.mode, "off"))
		return true;
	m.leg = tls_leg_make(fill == backend_fill);
	if (!fill(&m)) {
		tls_leg_unref(m.leg);
		return false;
	}
	*to = m.leg;
	if (!tls_leg_same(was, m.leg))
		return true;
	tls_leg_unref(m.leg);
	*to = tls_leg_ref((struct tls_leg *)was);
	return true;
}

/* TLS that passes cannot end here. */
static bool mode_good(const struct spec *s, char error[ERROR_MAX])
{
	const struct vn_opt *o = opt_find(s->protocol_values.options, "tls");
	const char *way = o && opt_is_text(o) ? *(char **)opt_at(&s->protocol_values, o) : NULL;

	if (!way || strcmp(way, "pass"))
		return true;
	error_format(error, "tls: expected strip where client_tls or backend_tls is set, got pass");
	return false;
}

static bool udp_bad(const struct spec *s, const struct tls_options *o, char error[ERROR_MAX])
{
	bool client = strcmp(o->client_tls, "off") != 0;

	error_format(error, "%s: expected off, as TLS needs a stream and the proxy listens on '%s'",
	             client ? "client_tls" : "backend_tls", s->listen.text);
	return false;
}

bool tls_legs_make(struct spec *s, char error[ERROR_MAX])
{
	struct tls_leg *client, *backend;

	tls_values_tidy(&s->tls);
	const struct tls_options *o = tls_values(&s->tls);
	struct making m = { .spec = s, .options = o, .error = error };
	bool any = strcmp(o->client_tls, "off") || strcmp(o->backend_tls, "off");
	if (any && s->listen.udp)
		return udp_bad(s, o, error);
	if (any && !mode_good(s, error))
		return false;
	if (any) {
		tls_secrets_begin();
		tls_tickets_begin();
	}
	m.given = (struct given){ "client_tls", o->client_tls, o->client_start, o->client_cert,
		o->client_key, o->client_alpn, o->client_min, o->client_max, o->client_ciphers,
		"auto" };
	if (!leg_make(m, s->client_tls, client_fill, &client))
		return false;
	m.given = (struct given){ "backend_tls", o->backend_tls, o->backend_start, o->backend_cert,
		o->backend_key, o->backend_alpn, o->backend_min, o->backend_max,
		o->backend_ciphers, "none" };
	if (!leg_make(m, s->backend_tls, backend_fill, &backend)) {
		tls_leg_unref(client);
		return false;
	}
	tls_leg_unref(s->client_tls);
	tls_leg_unref(s->backend_tls);
	s->client_tls = client;
	s->backend_tls = backend;
	if (backend && !strcmp(s->protocol->name, "mysql"))
		tls_rsa_prepare();      /* for plain clients that encrypt their passwords by it */
	return true;
}
