/* strike_file.c - certificates that rules show from files: read by control, shown by workers. */
#include "tls/strike_file.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tls/pem.h"
#include "vaurien.h"

/* One file. The list grows, by a few: users name the files. */
struct shown_file {
	struct shown_file *next;
	char *file;
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

/* The lock is held for a look-up, or to count a reference: nobody waits for it long. */
static struct shown_file *files;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void shown_drop(struct shown_file *f)
{
	X509_free(f->certificate);
	sk_X509_pop_free(f->chain, X509_free);
	EVP_PKEY_free(f->key);
}

/* Of the list, or a new one. The lock is held. */
static struct shown_file *shown_place(const char *file)
{
	struct shown_file *f = files;

	while (f && strcmp(f->file, file))
		f = f->next;
	if (f)
		return f;
	f = xcalloc(1, sizeof *f);
	f->file = xstrdup(file);
	f->next = files;
	return files = f;
}

static const char *pem_lacks(const struct tls_pem *pem, struct shown_file *f)
{
	f->certificate = pem_certificate(pem, &f->chain);
	f->key = pem_key(pem);
	return !f->certificate              ? "expected a certificate" :
	       !f->key && pem_is_encrypted(pem) ? "expected a key without a passphrase" :
	       !f->key                      ? "expected a key beside the certificate" :
	       !X509_check_private_key(f->certificate, f->key) ?
	                                      "expected the key of the first certificate" :
	                                      NULL;
}

bool vn_tls_certificate_check(const char *file, char *why, size_t room)
{
	struct tls_pem pem = { 0 };
	struct shown_file new = { 0 };
	char error[ERROR_MAX], shown[200];

	if (!pem_file_read(&pem, file, PEM_MAX, true, error)) {
		snprintf(why, room, "%s", error);
		return false;
	}
	const char *lacks = pem_lacks(&pem, &new);
	pem_file_free(&pem);
	if (lacks) {
		snprintf(why, room, "%s (%s)", lacks, pem_path(file, shown));
		shown_drop(&new);
		return false;
	}
	pthread_mutex_lock(&lock);
	struct shown_file *f = shown_place(file), old = *f;
	f->certificate = new.certificate;
	f->chain = new.chain;
	f->key = new.key;
	pthread_mutex_unlock(&lock);
	shown_drop(&old);
	return true;
}

/* References to what the file had. */
static struct shown_file shown_get(const char *file)
{
	struct shown_file got = { 0 };

	pthread_mutex_lock(&lock);
	const struct shown_file *f = shown_place(file);
	if (f->certificate && X509_up_ref(f->certificate))
		got.certificate = f->certificate;
	if (f->key && EVP_PKEY_up_ref(f->key))
		got.key = f->key;
	got.chain = f->chain ? X509_chain_up_ref(f->chain) : NULL;
	pthread_mutex_unlock(&lock);
	return got;
}

/* A bad certificate may be weak, too. */
bool strike_file_show(SSL *ssl, const char *file)
{
	struct shown_file f = shown_get(file);

	SSL_set_security_level(ssl, 0);
	SSL_certs_clear(ssl);
	bool good = f.certificate && f.key && SSL_use_certificate(ssl, f.certificate) == 1 &&
	            SSL_use_PrivateKey(ssl, f.key) == 1 &&
	            (!f.chain || SSL_set1_chain(ssl, f.chain) == 1);

	shown_drop(&f);
	return good;
}
