/* guest.c - what behaviors need of TLS: names of places, checks of options. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tls/ciphers.h"
#include "vaurien.h"

const char *const vn_tls_places[] = { "upgrade", "client_hello", "server_hello", "finished", NULL };

enum vn_tls_place vn_tls_place_of(const char *name)
{
	for (int i = 0; vn_tls_places[i]; i++)
		if (!strcmp(vn_tls_places[i], name))
			return (enum vn_tls_place)(VN_TLS_AT_UPGRADE + i);
	return VN_TLS_AT_NONE;
}

bool vn_tls_ciphers_check(const char *list, char *why, size_t room)
{
	char old[1024], suites[1024], shown[64];
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	bool good = ctx && tls_ciphers_split(list, old, suites, sizeof old) && (*old || *suites) &&
	            (!*old || SSL_CTX_set_cipher_list(ctx, old)) &&
	            (!*suites || SSL_CTX_set_ciphersuites(ctx, suites));

	SSL_CTX_free(ctx);
	ERR_clear_error();
	if (!good)
		snprintf(why, room, "expected a list of ciphers as OpenSSL writes it, got '%s'",
		         text_printable(list, shown, sizeof shown));
	return good;
}
