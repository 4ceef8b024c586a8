/* pem.h - files of keys and certificates: read by control, parsed by any thread.
 *
 * Errors are sentences without the option's name; they have no content of the file. */
#ifndef TLS_PEM_H
#define TLS_PEM_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "spec/tls_fields.h"

enum { PEM_MAX = 1 << 20, PEM_TRUST_MAX = 4 << 20 };    /* bytes of a file */

/* Into secret memory; waits for nothing. `secret`: open to nobody but its owner (a file of root may
 * be open to its group). False: *to is as it was, and `error` says why. */
bool pem_file_read(struct tls_pem *to, const char *path, size_t most, bool secret,
                   char error[ERROR_MAX]);
void pem_file_free(struct tls_pem *);

bool pem_has_key(const struct tls_pem *);
bool pem_is_encrypted(const struct tls_pem *);

/* NULL: there is none, or it needs a passphrase. */
EVP_PKEY *pem_key(const struct tls_pem *);
/* The first certificate, and the others in *chain (NULL: not wanted). NULL: there is none. */
X509 *pem_certificate(const struct tls_pem *, STACK_OF(X509) **chain);
STACK_OF(X509) *pem_certificates(const char *text, size_t n);   /* all; maybe none */

/* "HOST (unless it is too long)": a path for an error. */
const char *pem_path(const char *path, char shown[200]);

#endif
