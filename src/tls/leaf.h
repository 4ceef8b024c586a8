/* leaf.h - certificates that were minted for server names, kept by one worker.
 *
 * At most LEAVES_MAX; the one that was used longest ago goes first. */
#ifndef TLS_LEAF_H
#define TLS_LEAF_H

#include <openssl/ssl.h>

#include "tls/identity.h"
#include "tls/mint.h"

enum { LEAVES_MAX = 1000, LEAF_NAMES_MAX = 64 };
enum { LEAF_DAYS = 90, LEAF_BEFORE_DAYS = 2 };

struct leaf {                           /* of the cache */
	X509 *cert;
	EVP_PKEY *key;                  /* a reference */
	STACK_OF(X509) *chain;          /* sent behind it; NULL: none */
	unsigned char *staple;          /* an OCSP response, of OPENSSL_malloc(); NULL: none */
	size_t staple_n;
	time_t renew;                   /* it is minted anew from then on */
};

struct leaf_wish {                      /* what a leaf is wanted for */
	const struct tls_identity *id;
	EVP_PKEY *key;
	const char *name;               /* the server name, checked; "": none was sent */
	const char *const *names;       /* of the default leaf; ends with NULL */
	uint64_t context;               /* names are other ones if this number is */
	const char *flaw;               /* "": none */
	/* Makes it. The names of the wish are those of `names`, `name` first. */
	bool (*make)(const struct leaf_wish *, const char *const *names, struct leaf *);
};

struct leaf_cache;
struct leaf_cache *leaf_cache_create(void);
void leaf_cache_destroy(struct leaf_cache *);

/* Of the cache, or made; valid until the next call. NULL: it cannot be made. */
const struct leaf *leaf_get(struct leaf_cache *, const struct leaf_wish *);

bool leaf_make(const struct leaf_wish *, const char *const *names, struct leaf *);  /* a good one */
bool leaf_show(SSL *, const struct leaf *);     /* in the client hello callback */

/* The recipe of a good leaf, which flaws change. */
struct recipe leaf_recipe(const struct leaf_wish *, const char *const *names);

#endif
