/* strike_shown.c - what a struct vn_tls shows a client: certificate, version, ciphers, ALPN. */
#include "tls/strike_shown.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "tls/alert.h"
#include "tls/ciphers.h"
#include "tls/context.h"
#include "tls/flaw.h"
#include "tls/own.h"
#include "tls/strike_file.h"

/* ---- alerts ---- */

int strike_alert(const struct vn_tls *t)
{
	int named = t->alert ? tls_alert_number(t->alert) : -1;

	if (t->alert)
		return named < 0 ? SSL_AD_INTERNAL_ERROR : named;
	if (t->alpn_refused)
		return SSL_AD_NO_APPLICATION_PROTOCOL;
	return t->ciphers && !*t->ciphers ? SSL_AD_HANDSHAKE_FAILURE : -1;
}

/* ---- versions and ciphers ---- */

/* A signature of TLS 1.0 has SHA-1, which higher levels forbid. */
static bool version_show(SSL *ssl, unsigned version)
{
	if (version < TLS1_2_VERSION) {
		SSL_set_security_level(ssl, 0);
		SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
	}
	return SSL_set_min_proto_version(ssl, 0) && SSL_set_max_proto_version(ssl, (int)version) &&
	       SSL_set_min_proto_version(ssl, (int)version);
}

/* A server without a cipher of a version does not speak that version. */
static bool ciphers_show(SSL *ssl, const char *list)
{
	char old[1024], suites[1024];

	if (!tls_ciphers_split(list, old, suites, sizeof old))
		return false;
	if (*old && !SSL_set_cipher_list(ssl, old))
		return false;
	if (*suites && !SSL_set_ciphersuites(ssl, suites))
		return false;
	if (!*suites)
		return SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	return *old || SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
}

/* ---- ALPN ---- */

static void alpn_show(SSL *ssl, const char *name)
{
	struct own *o = own_of(ssl);

	free(o->forced);
	o->forced = xstrdup(name);
}

/* ---- the client's certificate ---- */

/* The error from which OpenSSL makes the alert. */
static const struct { const char *alert; int error; } rejections[] = {
	{ "unknown_ca", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
	{ "certificate_expired", X509_V_ERR_CERT_HAS_EXPIRED },
	{ "certificate_revoked", X509_V_ERR_CERT_REVOKED },
	{ "bad_certificate", X509_V_ERR_CERT_REJECTED },
	{ NULL, X509_V_ERR_CERT_REJECTED },
};

static int client_verified(int good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct own *o = own_of(ssl);

	if (o->reject) {
		X509_STORE_CTX_set_error(store, o->reject);
		return 0;
	}
	return good || o->trusts;
}

static void client_show(SSL *ssl, const struct vn_tls *t)
{
	struct own *o = own_of(ssl);
	int mode = SSL_get_verify_mode(ssl);
	unsigned i = 0;

	while (rejections[i].alert && t->reject && strcmp(rejections[i].alert, t->reject))
		i++;
	o->reject = t->reject ? rejections[i].error : 0;
	o->trusts = mode == SSL_VERIFY_NONE;
	mode |= SSL_VERIFY_PEER | (t->demand ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
	SSL_set_verify(ssl, mode, client_verified);
}

/* ---- all of it ---- */

static bool parts_show(SSL *ssl, const struct vn_tls *t, const char *name)
{
	if (t->file && !strike_file_show(ssl, t->file))
		return false;
	if (t->flaw && !t->file && !tls_leaf_flawed(ssl, t->flaw, name))
		return false;
	if (t->only && !version_show(ssl, t->only))
		return false;
	if (t->ciphers && !ciphers_show(ssl, t->ciphers))
		return false;
	if (t->alpn)
		alpn_show(ssl, t->alpn);
	if (t->demand || t->reject)
		client_show(ssl, t);
	return true;
}

/* A client that resumes would not see a certificate, and may not need ours. */
bool strike_shown(SSL *ssl, const struct vn_tls *t, const char *name)
{
	bool full = t->flaw || t->file || t->only || t->ciphers || t->alpn || t->demand ||
	            t->reject || t->forget;

	if (full)
		tls_hello_forget(ssl);
	if (parts_show(ssl, t, name))
		return true;
	const char *why = ERR_reason_error_string(ERR_peek_last_error());
	log_warning("tls: what a rule wants of a handshake cannot be shown, so it ends: %s",
	            why ? why : "no such certificate");
	return false;
}
