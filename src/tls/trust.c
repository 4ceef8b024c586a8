/* trust.c - stores of certificates that are trusted. */
#include "tls/trust.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tls/pem.h"

struct trust {
	struct tls_trust base;
	X509_STORE *store;
	STACK_OF(X509) *all;
};

enum { KEPT = 16, FILES_MAX = 1000 };

static struct trust *kept[KEPT];        /* of control: those that were made last; references */
static unsigned kept_next;

static void trust_free(struct tls_trust *base)
{
	struct trust *t = (struct trust *)base;

	X509_STORE_free(t->store);
	sk_X509_pop_free(t->all, X509_free);
	free(t);
}

/* `all` is taken over. */
static struct trust *trust_make(STACK_OF(X509) *all, const unsigned char digest[32])
{
	struct trust *t = xcalloc(1, sizeof *t);

	t->base.refs = 1;
	t->base.free = trust_free;
	memcpy(t->base.digest, digest, sizeof t->base.digest);
	t->all = all;
	t->store = X509_STORE_new();
	for (int i = 0; t->store && i < sk_X509_num(all); i++)
		X509_STORE_add_cert(t->store, sk_X509_value(all, i));
	ERR_clear_error();
	if (kept[kept_next])
		tls_trust_unref(&kept[kept_next]->base);
	kept[kept_next] = t;
	kept_next = (kept_next + 1) % KEPT;
	return t;
}

static struct tls_trust *trust_of(const char *text, size_t n)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text, n, digest);
	for (unsigned i = 0; i < KEPT; i++)
		if (kept[i] && !memcmp(kept[i]->base.digest, digest, sizeof digest))
			return tls_trust_ref(&kept[i]->base);
	return tls_trust_ref(&trust_make(pem_certificates(text, n), digest)->base);
}

/* ---- of the machine ---- */

static bool text_append(struct tls_pem *all, const char *path)
{
	struct tls_pem one;
	char ignored[ERROR_MAX];

	if (!pem_file_read(&one, path, PEM_TRUST_MAX, false, ignored))
		return false;
	if (all->n + one.n <= PEM_TRUST_MAX) {
		all->text = xrealloc(all->text, all->n + one.n + 1);
		memcpy(all->text + all->n, one.text, one.n + 1);
		all->n += one.n;
	}
	pem_file_free(&one);
	return true;
}

static int hashed(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 9 && entry->d_name[8] == '.' &&
	       strspn(entry->d_name, "0123456789abcdef") == 8;
}

static void folder_append(struct tls_pem *all, const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, hashed, alphasort);
	char path[4096];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
		if (i < FILES_MAX)
			text_append(all, path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* As OpenSSL finds them, but now, so that no worker reads files. */
static struct tls_trust *machine(void)
{
	static const char *const usual[] = {
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem",
	};
	const char *file = secure_getenv(X509_get_default_cert_file_env());
	const char *folder = secure_getenv(X509_get_default_cert_dir_env());
	struct tls_pem all = { 0 };
	bool found = text_append(&all, file ? file : X509_get_default_cert_file());

	for (size_t i = 0; !file && !folder && !found && i < sizeof usual / sizeof usual[0]; i++)
		found = text_append(&all, usual[i]);
	if (folder || !found)
		folder_append(&all, folder ? folder : X509_get_default_cert_dir());
	struct tls_trust *t = trust_of(all.n ? all.text : "", all.n);
	free(all.text);
	return t;
}

/* ---- the interface ---- */

struct tls_trust *tls_trust_read(const char *path, char error[ERROR_MAX])
{
	struct tls_pem file;
	char shown[200];

	if (!path)
		return machine();
	if (!pem_file_read(&file, path, PEM_TRUST_MAX, false, error))
		return NULL;
	struct tls_trust *t = trust_of(file.text, file.n);
	pem_file_free(&file);
	if (sk_X509_num(((struct trust *)t)->all) > 0)
		return t;
	tls_trust_unref(t);
	error_format(error, "expected certificates in PEM, got none (%s)", pem_path(path, shown));
	return NULL;
}

X509_STORE *tls_trust_store(struct tls_trust *base)
{
	return ((struct trust *)base)->store;
}

STACK_OF(X509_NAME) *tls_trust_names(const struct tls_trust *base)
{
	const struct trust *t = (const struct trust *)base;
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (int i = 0; names && i < sk_X509_num(t->all); i++) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(t->all, i)));
		if (name && !sk_X509_NAME_push(names, name))
			X509_NAME_free(name);
	}
	return names;
}
