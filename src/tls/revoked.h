/* revoked.h - certificates that were minted to be revoked: the CA's list, and stapled answers. */
#ifndef TLS_REVOKED_H
#define TLS_REVOKED_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "tls/identity.h"

/* Any thread: the certificate is revoked from now on. At most REVOKED_MAX are listed. */
enum { REVOKED_MAX = 100000 };
void revoked_add(const X509 *);

/* An OCSP response in DER that says so, of OPENSSL_malloc(). NULL: it cannot be made. */
unsigned char *revoked_staple(const struct tls_identity *, X509 *, size_t *n);

/* The list (CRL) in DER, signed now; to be freed with OPENSSL_free(). Control. NULL: it cannot be
 * made. */
unsigned char *revoked_list(const struct tls_identity *, size_t *n);

#endif
