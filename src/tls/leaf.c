/* leaf.c - certificates that were minted for server names. */
#include "tls/leaf.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/tls_fields.h"
#include "vaurien.h"

enum { SLOTS = 2048 };                  /* of the hash table, a power of 2 */

struct entry {
	struct leaf leaf;
	struct entry *next;             /* in its slot */
	struct entry *newer, *older;    /* by use */
	uint64_t hash;
	char *key;                      /* name, flaw, context, kind of key */
};

struct leaf_cache {
	struct entry *slots[SLOTS];
	struct entry *newest, *oldest;
	size_t n;
};

struct leaf_cache *leaf_cache_create(void)
{
	return xcalloc(1, sizeof(struct leaf_cache));
}

static void leaf_clear(struct leaf *l)
{
	X509_free(l->cert);
	EVP_PKEY_free(l->key);
	sk_X509_pop_free(l->chain, X509_free);
	OPENSSL_free(l->staple);
	*l = (struct leaf){ 0 };
}

static void entry_free(struct entry *e)
{
	leaf_clear(&e->leaf);
	free(e->key);
	free(e);
}

void leaf_cache_destroy(struct leaf_cache *c)
{
	for (struct entry *e = c->newest, *older; e; e = older) {
		older = e->older;
		entry_free(e);
	}
	free(c);
}

/* ---- order of use ---- */

static void use_end(struct leaf_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void use_begin(struct leaf_cache *c, struct entry *e)
{
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

/* ---- the table ---- */

static struct entry **slot_of(struct leaf_cache *c, const char *key, uint64_t hash)
{
	struct entry **at = &c->slots[hash & (SLOTS - 1)];

	while (*at && ((*at)->hash != hash || strcmp((*at)->key, key)))
		at = &(*at)->next;
	return at;
}

static void entry_drop(struct leaf_cache *c, struct entry *e)
{
	struct entry **at = slot_of(c, e->key, e->hash);

	*at = e->next;
	use_end(c, e);
	entry_free(e);
	c->n--;
}

/* The server name first, then those of the default leaf, none twice. */
static void names_join(const struct leaf_wish *w, const char *names[LEAF_NAMES_MAX + 2])
{
	size_t n = 0;

	if (*w->name)
		names[n++] = w->name;
	for (size_t i = 0; w->names[i] && i < LEAF_NAMES_MAX; i++)
		if (strcmp(w->names[i], w->name))
			names[n++] = w->names[i];
	names[n] = NULL;
}

const struct leaf *leaf_get(struct leaf_cache *c, const struct leaf_wish *w)
{
	const char *names[LEAF_NAMES_MAX + 2];
	char key[TLS_NAME_MAX + 100];
	time_t now = time(NULL);
	struct leaf made = { 0 };

	snprintf(key, sizeof key, "%s/%s/%s/%llx", w->name, w->flaw,
	         EVP_PKEY_is_a(w->key, "RSA") ? "rsa" : "ec", (unsigned long long)w->context);
	uint64_t hash = vn_hash(0, (struct vn_span){ (const uint8_t *)key, strlen(key) });
	struct entry *e = *slot_of(c, key, hash);
	if (e && now < e->leaf.renew) {
		use_end(c, e);
		use_begin(c, e);
		return &e->leaf;
	}
	if (e)
		entry_drop(c, e);
	names_join(w, names);
	made.renew = now + LEAF_DAYS * 2 / 3 * DAY;
	if (!w->make(w, names, &made)) {
		leaf_clear(&made);
		ERR_clear_error();
		return NULL;
	}
	if (c->n == LEAVES_MAX)
		entry_drop(c, c->oldest);
	e = xcalloc(1, sizeof *e);
	*e = (struct entry){ .leaf = made, .hash = hash, .key = xstrdup(key) };
	*slot_of(c, key, hash) = e;
	use_begin(c, e);
	c->n++;
	return &e->leaf;
}

/* ---- a good one ---- */

struct recipe leaf_recipe(const struct leaf_wish *w, const char *const *names)
{
	return (struct recipe){
		.subject = names[0] ? names[0] : "", .names = names, .key = w->key,
		.issuer = w->id->ca, .issuer_key = w->id->ca_key,
		.from = -LEAF_BEFORE_DAYS * DAY, .until = LEAF_DAYS * DAY, .pathlen = -1,
		.usage = NID_server_auth,
	};
}

bool leaf_make(const struct leaf_wish *w, const char *const *names, struct leaf *l)
{
	struct recipe r = leaf_recipe(w, names);

	l->cert = mint(&r);
	if (!l->cert || !EVP_PKEY_up_ref(r.key))
		return false;
	l->key = r.key;
	return true;
}

bool leaf_show(SSL *ssl, const struct leaf *l)
{
	unsigned char *copy;
	bool good = SSL_use_cert_and_key(ssl, l->cert, l->key, l->chain, 1) > 0;

	if (good && l->staple) {
		copy = OPENSSL_memdup(l->staple, l->staple_n);
		if (copy && !SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)l->staple_n))
			OPENSSL_free(copy);
	}
	ERR_clear_error();
	return good;
}
