/* identity.c - the program's own CA, and its keys.
 *
 * Several processes may start at once. Each file is written under a temporary name and gets its own
 * by link(), which fails if there is one. Then what is there counts, ours or another's. */
#include "tls/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "tls/mint.h"
#include "tls/pem.h"

enum {
	CA_DAYS = 3650, BEFORE_DAYS = 2,
	SECURE_HEAP = 4 << 20, SECURE_LEAST = 64,       /* bytes: of all keys, of one block */
};

static struct tls_identity *_Atomic made;
static char *wanted;                    /* of --tls-dir; or NULL */

void tls_identity_place(const char *folder)
{
	free(wanted);
	wanted = xstrdup(folder);
}

const struct tls_identity *tls_identity(void)
{
	return made;
}

/* ---- the folder ---- */

/* With its parents. */
static bool folder_make(const char *path)
{
	char *copy = xstrdup(path);

	for (char *at = copy; at && *at; at++)
		if (*at == '/' && at > copy) {
			*at = 0;
			mkdir(copy, 0700);
			*at = '/';
		}
	bool good = mkdir(copy, 0700) == 0 || errno == EEXIST;
	free(copy);
	return good;
}

/* Where the CA is kept unless --tls-dir says it; NULL: nowhere. To be freed. */
static char *folder_usual(void)
{
	const char *state = secure_getenv("STATE_DIRECTORY");
	const char *data = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
	char *path = NULL;
	int n = 0;

	if (state && *state == '/')
		path = xstrndup(state, strcspn(state, ":"));
	else if (data && *data == '/')
		n = asprintf(&path, "%s/vaurien", data);
	else if (home && *home == '/')
		n = asprintf(&path, "%s/.local/share/vaurien", home);
	return n < 0 ? NULL : path;
}

/* ---- a file ---- */

static bool bytes_write(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t put = write(fd, text, n);
		if (put <= 0)
			return false;
		text += put;
		n -= (size_t)put;
	}
	return fsync(fd) == 0;
}

/* Gives the file this content unless it is there. False: errno. */
static bool file_offer(const char *path, BIO *content, mode_t mode)
{
	char *text, temporary[4200];
	size_t n = (size_t)BIO_get_mem_data(content, &text);

	snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good = fchmod(fd, mode) == 0 && bytes_write(fd, text, n);
	int why = errno;
	close(fd);
	if (good && link(temporary, path) && errno != EEXIST) {
		good = errno == EPERM || errno == EOPNOTSUPP ? rename(temporary, path) == 0 : false;
		why = errno;
	}
	unlink(temporary);
	errno = why;
	return good;
}

/* ---- the CA's pair ---- */

static X509 *ca_mint(EVP_PKEY *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	unsigned n;
	char name[64];
	X509 *probe = X509_new();

	/* The name follows from the key, so that two processes with one key have one CA. */
	if (probe && X509_set_pubkey(probe, key))
		X509_pubkey_digest(probe, EVP_sha256(), digest, &n);
	X509_free(probe);
	snprintf(name, sizeof name, "Vaurien test CA %02x%02x%02x%02x", digest[0], digest[1],
	         digest[2], digest[3]);
	return mint(&(struct recipe){
		.subject = name, .key = key, .issuer_key = key, .from = -BEFORE_DAYS * DAY,
		.until = (time_t)CA_DAYS * DAY, .pathlen = 1,
	});
}

static BIO *key_text(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_secmem());

	if (out && PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL))
		return out;
	BIO_free(out);
	return NULL;
}

static BIO *certificate_text(X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());

	if (out && x && PEM_write_bio_X509(out, x))
		return out;
	BIO_free(out);
	return NULL;
}

/* The file's key must be ours alone. */
static EVP_PKEY *key_load(const char *path, char error[ERROR_MAX])
{
	struct tls_pem file;
	struct stat is;
	EVP_PKEY *key = NULL;
	char shown[200];

	if (stat(path, &is) == 0 && is.st_uid != geteuid()) {
		error_format(error, "tls_dir: expected a ca.key of our own user, got one of user "
		             "%u (%s)", (unsigned)is.st_uid, pem_path(path, shown));
		return NULL;
	}
	char why[ERROR_MAX];
	if (!pem_file_read(&file, path, PEM_MAX, true, why)) {
		error_format(error, "tls_dir: %.700s", why);
		return NULL;
	}
	key = pem_key(&file);
	pem_file_free(&file);
	if (!key)
		error_format(error, "tls_dir: expected a private key in PEM, got none (%s)",
		             pem_path(path, shown));
	return key;
}

/* The key of the file, which is made if there is none. NULL: `error`; *writes is false if it could
 * not be written. */
static EVP_PKEY *key_get(const char *path, bool *writes, char error[ERROR_MAX])
{
	if (access(path, F_OK) && errno == ENOENT) {
		EVP_PKEY *fresh = EVP_EC_gen("P-256");
		BIO *text = fresh ? key_text(fresh) : NULL;
		*writes = text && file_offer(path, text, 0600);
		int why = errno;
		BIO_free(text);
		EVP_PKEY_free(fresh);
		if (!*writes) {
			char shown[200];
			error_format(error, "tls_dir: cannot write %s: %s", pem_path(path, shown),
			             strerror(why));
			return NULL;
		}
	}
	return key_load(path, error);
}

static X509 *certificate_get(const char *path, EVP_PKEY *key, char error[ERROR_MAX])
{
	struct tls_pem file;
	char why[ERROR_MAX], shown[200];

	if (access(path, F_OK) && errno == ENOENT) {
		X509 *fresh = ca_mint(key);
		BIO *text = certificate_text(fresh);
		if (text)
			file_offer(path, text, 0644);
		BIO_free(text);
		X509_free(fresh);
	}
	if (!pem_file_read(&file, path, PEM_MAX, false, why)) {
		error_format(error, "tls_dir: %.700s", why);
		return NULL;
	}
	X509 *x = pem_certificate(&file, NULL);
	pem_file_free(&file);
	if (x && X509_check_private_key(x, key) > 0)
		return x;
	X509_free(x);
	ERR_clear_error();
	error_format(error, "tls_dir: expected the certificate of ca.key, got another's (%s)",
	             pem_path(path, shown));
	return NULL;
}

/* ---- all of it ---- */

static bool identity_load(struct tls_identity *id, const char *folder, bool *writes,
                          char error[ERROR_MAX])
{
	char path[4100];

	*writes = folder_make(folder);
	if (!*writes) {
		char shown[200];
		error_format(error, "tls_dir: cannot make %s: %s", pem_path(folder, shown),
		             strerror(errno));
		return false;
	}
	snprintf(path, sizeof path, "%s/ca.key", folder);
	id->ca_key = key_get(path, writes, error);
	if (!id->ca_key)
		return false;
	snprintf(path, sizeof path, "%s/ca.pem", folder);
	id->ca = certificate_get(path, id->ca_key, error);
	if (!id->ca)
		return false;
	id->folder = xstrdup(folder);
	id->pem_path = realpath(path, NULL);
	return true;
}

/* False: refused, and `error` says why. */
static bool ca_set(struct tls_identity *id, char error[ERROR_MAX])
{
	char *folder = wanted ? xstrdup(wanted) : folder_usual();
	bool writes = false, good = folder && strlen(folder) < 4000 &&
	                            identity_load(id, folder, &writes, error);

	free(folder);
	if (good || wanted || writes)
		return good;
	EVP_PKEY_free(id->ca_key);      /* nowhere to write: it lives as long as the program */
	id->ca_key = EVP_EC_gen("P-256");
	id->ca = id->ca_key ? ca_mint(id->ca_key) : NULL;
	if (!id->ca)
		error_format(error, "tls_dir: a CA cannot be made");
	return id->ca;
}

static void identity_free(struct tls_identity *id)
{
	X509_free(id->ca);
	EVP_PKEY_free(id->ca_key);
	EVP_PKEY_free(id->ec);
	EVP_PKEY_free(id->weak);
	free(id->pem);
	free(id->folder);
	free(id->pem_path);
	free(id);
}

void tls_secrets_begin(void)
{
	if (!CRYPTO_secure_malloc_initialized())
		CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST);
}

static struct tls_identity *identity_new(char error[ERROR_MAX])
{
	struct tls_identity *id = xcalloc(1, sizeof *id);
	char *text;

	tls_secrets_begin();
	bool good = ca_set(id, error);
	if (good)       /* OpenSSL keeps in it what this finds, before workers share it */
		X509_check_purpose(id->ca, -1, 0);
	id->ec = EVP_EC_gen("P-256");
	id->weak = EVP_RSA_gen(1024);
	BIO *out = good ? certificate_text(id->ca) : NULL;
	if (out) {
		size_t n = (size_t)BIO_get_mem_data(out, &text);
		id->pem = xstrndup(text, n);
	}
	BIO_free(out);
	ERR_clear_error();
	if (good && id->ec && id->weak && id->pem)
		return id;
	if (good)
		error_format(error, "tls_dir: keys cannot be made");
	identity_free(id);
	return NULL;
}

const struct tls_identity *tls_identity_make(bool with_rsa, char error[ERROR_MAX])
{
	if (!made)
		made = identity_new(error);
	if (made && with_rsa && !made->rsa)
		made->rsa = EVP_RSA_gen(2048);
	if (!made || !with_rsa || made->rsa)
		return made;
	error_format(error, "client_tls_key_type: an RSA key cannot be made");
	return NULL;
}
