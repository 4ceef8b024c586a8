/* mint.h - certificates made from a recipe: the CA's own, leaves, and faulty ones. */
#ifndef TLS_MINT_H
#define TLS_MINT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

enum { DAY = 86400 };                   /* seconds */

struct recipe {
	const char *subject;            /* CN; "": none, and the names are critical */
	const char *const *names;       /* DNS names and addresses, as text; ends with NULL */
	EVP_PKEY *key;                  /* its own; not taken over */
	X509 *issuer;                   /* NULL: itself */
	EVP_PKEY *issuer_key;
	const EVP_MD *digest;           /* of the signature; NULL: SHA-256 */
	time_t from, until;             /* from now, in seconds */
	int pathlen;                    /* of a CA; -1: it is none */
	int usage;                      /* NID of the extended key usage; 0: none */
	unsigned many;                  /* so many more names than those: 00001.names[0] ... */
};

X509 *mint(const struct recipe *);      /* NULL: it cannot be made */

/* A name as it stands in certificates: checked, lower case, without a final dot. False: it is no
 * DNS name. `to` has TLS_NAME_MAX + 1 bytes. */
bool mint_name_good(const char *name, size_t n, char *to);

#endif
