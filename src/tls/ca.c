/* ca.c - the program's own CA, as others see it. */
#include "tls/ca.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/memory.h"
#include "tls/identity.h"
#include "tls/revoked.h"

bool tls_ca_make(char error[ERROR_MAX])
{
	return tls_identity_make(false, error);
}

const char *tls_ca_path(void)
{
	return tls_identity() ? tls_identity()->pem_path : NULL;
}

const char *tls_ca_pem(void)
{
	return tls_identity()->pem;
}

char *tls_ca_list(size_t *n)
{
	unsigned char *der = revoked_list(tls_identity(), n);
	char *copy = der ? xmalloc(*n) : NULL;

	if (der)
		memcpy(copy, der, *n);
	OPENSSL_free(der);
	return copy;
}
