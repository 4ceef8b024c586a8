/* rsa.c - RSA-OAEP under a given public key, and under the program's own. */
#include "tls/rsa.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "vaurien.h"

enum { BITS = 2048 };

struct own {                            /* never freed; set once, by control */
	EVP_PKEY *key;
	char *public_pem;
	size_t n;
};

static struct own *_Atomic own;

void tls_rsa_prepare(void)
{
	BIO *out;
	char *text;
	struct own *made;

	if (own)
		return;
	made = xcalloc(1, sizeof *made);
	made->key = EVP_RSA_gen(BITS);
	out = BIO_new(BIO_s_mem());
	if (made->key && out && PEM_write_bio_PUBKEY(out, made->key)) {
		made->n = (size_t)BIO_get_mem_data(out, &text);
		made->public_pem = xmalloc(made->n + 1);
		memcpy(made->public_pem, text, made->n);
		made->public_pem[made->n] = 0;
		own = made;
	} else {
		EVP_PKEY_free(made->key);
		free(made);
	}
	BIO_free(out);
	ERR_clear_error();
}

struct vn_span vn_rsa_public(void)
{
	const struct own *o = own;

	return o ? (struct vn_span){ (const uint8_t *)o->public_pem, o->n } :
	           (struct vn_span){ 0 };
}

typedef int crypt_fn(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);

static size_t crypt_by(EVP_PKEY *key, int (*begin)(EVP_PKEY_CTX *), crypt_fn *run, uint8_t *to,
                       size_t room, struct vn_span from)
{
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	size_t n = room;
	bool good = ctx && EVP_PKEY_is_a(key, "RSA") && (size_t)EVP_PKEY_get_size(key) <= room &&
	            begin(ctx) > 0 &&
	            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	            run(ctx, to, &n, from.p, from.n) > 0;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good ? n : 0;
}

size_t vn_rsa_seal(uint8_t *to, size_t room, struct vn_span pem, struct vn_span plain)
{
	EVP_PKEY *key = NULL;
	BIO *in = pem.n && pem.n <= 16384 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;

	if (in)
		key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
	BIO_free(in);
	size_t n = crypt_by(key, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, to, room, plain);
	EVP_PKEY_free(key);
	return n;
}

size_t vn_rsa_open(uint8_t *to, size_t room, struct vn_span sealed)
{
	const struct own *o = own;

	return o ? crypt_by(o->key, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, to, room, sealed) : 0;
}

void vn_cleanse(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
