/* tickets.c - keys of session tickets. */
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"

enum { NAME = 16, KEY = 32, SECRET = 32, LABEL_MAX = 64 };

struct ring {                           /* in secret memory; never changes */
	uint64_t version;
	/* this hour's, and that of the hour before */
	struct { bool made; unsigned char secret[SECRET]; } of[2];
};

struct key { unsigned char name[NAME], cipher[KEY], mac[KEY]; };

struct ticket_keys {                    /* in secret memory */
	uint64_t version;               /* of the ring that they are derived from */
	struct key of[2];
	bool older;                     /* of[1] is there */
	unsigned char label[LABEL_MAX];
	size_t n;
};

static struct ring *_Atomic current;
static struct ring *retired;            /* a worker may have read it an hour ago, no more now */

void tls_tickets_renew(void)
{
	struct ring *was = current, *now = secret_make(sizeof *now);

	now->version = was ? was->version + 1 : 1;
	now->of[0].made = RAND_priv_bytes(now->of[0].secret, SECRET) > 0;
	if (was)
		now->of[1] = was->of[0];
	current = now;
	secret_free(retired, sizeof *retired);
	retired = was;
}

bool tls_tickets_used(void)
{
	return current;
}

void tls_tickets_begin(void)
{
	if (!current)
		tls_tickets_renew();
}

struct ticket_keys *ticket_keys_make(const void *label, size_t n)
{
	struct ticket_keys *k = secret_make(sizeof *k);

	k->n = n < LABEL_MAX ? n : LABEL_MAX;
	memcpy(k->label, label, k->n);
	return k;
}

void ticket_keys_free(struct ticket_keys *k)
{
	secret_free(k, sizeof *k);
}

/* Name, cipher key and key of the MAC: HMAC-SHA256 of the label and a number, by the secret. */
static bool derive(const struct ticket_keys *k, const unsigned char *secret, struct key *to)
{
	unsigned char input[LABEL_MAX + 1], out[KEY];
	unsigned char *const parts[] = { to->name, to->cipher, to->mac };
	static const size_t sizes[] = { NAME, KEY, KEY };
	bool good = true;

	memcpy(input, k->label, k->n);
	for (unsigned char i = 0; i < 3 && good; i++) {
		input[k->n] = i;
		good = HMAC(EVP_sha256(), secret, SECRET, input, k->n + 1, out, NULL);
		memcpy(parts[i], out, sizes[i]);
	}
	OPENSSL_cleanse(out, sizeof out);
	return good;
}

static bool keys_refresh(struct ticket_keys *k)
{
	const struct ring *r = current;

	if (!r || !r->of[0].made)
		return false;
	if (k->version == r->version)
		return true;
	k->older = r->of[1].made && derive(k, r->of[1].secret, &k->of[1]);
	k->version = derive(k, r->of[0].secret, &k->of[0]) ? r->version : 0;
	return k->version;
}

static bool key_begin(const struct key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int seals)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, KEY),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seals) > 0 &&
	       EVP_MAC_CTX_set_params(mac, params) > 0;
}

int ticket_keys_use(struct ticket_keys *k, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	if (!keys_refresh(k))
		return 0;               /* no ticket */
	if (seals) {
		memcpy(name, k->of[0].name, NAME);
		return RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) > 0 &&
		       key_begin(&k->of[0], iv, cipher, mac, 1) ? 1 : -1;
	}
	for (int i = 0; i < 1 + k->older; i++)
		if (!memcmp(name, k->of[i].name, NAME))
			return key_begin(&k->of[i], iv, cipher, mac, 0) ? 1 + i : -1;
	return 0;
}
