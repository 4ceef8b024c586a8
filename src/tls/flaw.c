/* flaw.c - certificates that are wrong in one way each.
 *
 * A flaw is a row: it changes the recipe of a good leaf, or it makes an issuer of its own first. A
 * client's verifier should find this fault and no other. */
#include "tls/flaw.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/context.h"
#include "tls/own.h"
#include "tls/revoked.h"

enum { HUGE = 5000, CA_DAYS = 365 };

static const char *const elsewhere[] = { "wrong.host.vaurien.invalid", NULL };

/* ---- recipes ---- */

static void expired(const struct leaf_wish *w, struct recipe *r)
{
	r->from = -LEAF_DAYS * DAY;
	r->until = -DAY;
}

static void not_yet_valid(const struct leaf_wish *w, struct recipe *r)
{
	r->from = DAY;
}

static void wrong_host(const struct leaf_wish *w, struct recipe *r)
{
	r->names = elsewhere;
	r->subject = elsewhere[0];
}

static void self_signed(const struct leaf_wish *w, struct recipe *r)
{
	r->issuer = NULL;
	r->issuer_key = r->key;
}

static void wrong_usage(const struct leaf_wish *w, struct recipe *r)
{
	r->usage = NID_client_auth;
}

static void no_san(const struct leaf_wish *w, struct recipe *r)
{
	r->names = NULL;
}

static void weak_key(const struct leaf_wish *w, struct recipe *r)
{
	r->key = w->id->weak;
}

static void weak_signature(const struct leaf_wish *w, struct recipe *r)
{
	r->digest = EVP_sha1();
}

static void huge(const struct leaf_wish *w, struct recipe *r)
{
	r->many = HUGE;
}

/* ---- issuers ---- */

/* A CA. `by`: our CA signs it; else it signs itself. NULL: it cannot be made. */
static X509 *issuer_make(const struct leaf_wish *w, const char *subject, EVP_PKEY *key, bool by,
                         time_t from, time_t until)
{
	return mint(&(struct recipe){
		.subject = subject, .key = key, .issuer = by ? w->id->ca : NULL,
		.issuer_key = by ? w->id->ca_key : key, .from = from, .until = until,
		.pathlen = 0,
	});
}

static X509 *issuer_unknown(const struct leaf_wish *w, EVP_PKEY *key)
{
	return issuer_make(w, "Vaurien unknown CA", key, false, -DAY, CA_DAYS * (time_t)DAY);
}

static X509 *issuer_between(const struct leaf_wish *w, EVP_PKEY *key)
{
	return issuer_make(w, "Vaurien test intermediate CA", key, true, -DAY,
	                   CA_DAYS * (time_t)DAY);
}

static X509 *issuer_expired(const struct leaf_wish *w, EVP_PKEY *key)
{
	return issuer_make(w, "Vaurien expired intermediate CA", key, true,
	                   -CA_DAYS * (time_t)DAY, -DAY);
}

/* ---- the table ---- */

static const struct flaw {
	const char *name;
	void (*change)(const struct leaf_wish *, struct recipe *);
	X509 *(*issuer)(const struct leaf_wish *, EVP_PKEY *);
	bool sends_issuer;              /* curl looks there for who signed a stapled response */
	bool revokes;
	bool weak;                      /* the library refuses to show it at its usual level */
} flaws[] = {
	{ "expired", .change = expired },
	{ "not_yet_valid", .change = not_yet_valid },
	{ "wrong_host", .change = wrong_host },
	{ "self_signed", .change = self_signed },
	{ "unknown_ca", .issuer = issuer_unknown },
	{ "incomplete_chain", .issuer = issuer_between },
	{ "expired_chain", .issuer = issuer_expired, .sends_issuer = true },
	{ "revoked", .sends_issuer = true, .revokes = true },
	{ "wrong_usage", .change = wrong_usage },
	{ "no_san", .change = no_san },
	{ "weak_key", .change = weak_key, .weak = true },
	{ "weak_signature", .change = weak_signature, .weak = true },
	{ "huge", .change = huge },
};

enum { FLAWS = sizeof flaws / sizeof flaws[0] };

const char *const tls_flaw_names[] = {
	"expired", "not_yet_valid", "wrong_host", "self_signed", "unknown_ca",
	"incomplete_chain", "expired_chain", "revoked", "wrong_usage", "no_san", "weak_key",
	"weak_signature", "huge", NULL
};
_Static_assert(sizeof tls_flaw_names / sizeof tls_flaw_names[0] == FLAWS + 1, "a row a name");

static const struct flaw *flaw_find(const char *name)
{
	for (size_t i = 0; i < FLAWS; i++)
		if (!strcmp(flaws[i].name, name))
			return &flaws[i];
	return NULL;
}

/* ---- a leaf ---- */

static bool chain_begin(struct leaf *l, X509 *issuer)
{
	l->chain = sk_X509_new_null();
	return l->chain && X509_up_ref(issuer) && sk_X509_push(l->chain, issuer);
}

static bool flawed_make(const struct leaf_wish *w, const char *const *names, struct leaf *l)
{
	const struct flaw *f = flaw_find(w->flaw);
	struct recipe r = leaf_recipe(w, names);

	if (!f)
		return false;
	EVP_PKEY *issuer_key = f->issuer ? EVP_EC_gen("P-256") : NULL;
	X509 *issuer = issuer_key ? f->issuer(w, issuer_key) : NULL;
	bool good = !f->issuer || issuer;

	if (issuer) {
		r.issuer = issuer;
		r.issuer_key = issuer_key;
	}
	if (f->change)
		f->change(w, &r);
	l->cert = good ? mint(&r) : NULL;
	if (l->cert && EVP_PKEY_up_ref(r.key))
		l->key = r.key;
	good = l->cert && l->key &&
	       (!f->sends_issuer || chain_begin(l, issuer ? issuer : w->id->ca));
	if (good && f->revokes) {
		revoked_add(l->cert);
		l->staple = revoked_staple(w->id, l->cert, &l->staple_n);
	}
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
	return good;
}

bool tls_leaf_flawed(SSL *ssl, const char *name_of_flaw, const char *name)
{
	const struct tls_context *c = context_of(ssl);
	const struct tls_identity *id = tls_identity();
	const struct flaw *f = flaw_find(name_of_flaw);

	if (!f || !id || c->leg->cert.file)
		return false;
	const struct leaf *leaf = leaf_get(c->all->leaves, &(struct leaf_wish){
		.id = id, .key = c->leg->rsa && id->rsa ? id->rsa : id->ec, .name = name,
		.names = (const char *const *)c->names, .context = c->names_hash,
		.flaw = f->name, .make = flawed_make,
	});
	if (!leaf)
		return false;
	if (f->weak)
		SSL_set_security_level(ssl, 0);
	SSL_certs_clear(ssl);           /* it may have one of another type, which clients prefer */
	tls_hello_forget(ssl);          /* a client that resumed would not see it */
	return leaf_show(ssl, leaf);
}
