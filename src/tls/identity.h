/* identity.h - the program's own CA, and its keys for certificates: one of each per process.
 *
 * Control makes them when a proxy first needs them. Then they never change, and any thread reads
 * them. The CA is a pair of files; where nothing can be written it is in memory. */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/text.h"

struct tls_identity {
	X509 *ca;
	EVP_PKEY *ca_key;
	EVP_PKEY *ec, *weak;            /* of leaves: P-256, and RSA 1024 for a flaw */
	EVP_PKEY *_Atomic rsa;          /* of leaves: RSA 2048; NULL: not needed so far */
	char *pem;                      /* the CA's certificate */
	char *folder;                   /* where it is kept; NULL: in memory only ... */
	char *pem_path;                 /* ... with this file, an absolute path */
};

/* Before the first tls_identity(): where the CA is to be; NULL: where it usually is. A later call
 * changes nothing once it is made. */
void tls_identity_place(const char *folder);

/* OpenSSL's memory for keys: not in core dumps. Control, before the first key; it may be called
 * again. */
void tls_secrets_begin(void);

/* Made if it is not there yet. NULL: `error` says why, and names tls_dir. */
const struct tls_identity *tls_identity_make(bool with_rsa, char error[ERROR_MAX]);

/* What was made; NULL: nothing. */
const struct tls_identity *tls_identity(void);

#endif
