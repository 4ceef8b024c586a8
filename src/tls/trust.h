/* trust.h - stores of certificates that are trusted, one per text, shared by all threads.
 *
 * Control makes them. A worker only reads them. */
#ifndef TLS_TRUST_H
#define TLS_TRUST_H

#include <openssl/x509.h>

#include "base/text.h"
#include "spec/tls_fields.h"

/* A reference to the store of this file; NULL: `error` says why. path NULL: those of the machine,
 * maybe none. */
struct tls_trust *tls_trust_read(const char *path, char error[ERROR_MAX]);

X509_STORE *tls_trust_store(struct tls_trust *);        /* borrowed */
/* The names that a server sends to clients; a new list. NULL: no memory. */
STACK_OF(X509_NAME) *tls_trust_names(const struct tls_trust *);

#endif
