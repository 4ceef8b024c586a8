/* pem.c - files of keys and certificates. */
#include "tls/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/secret.h"
#include "tls/wipe.h"

const char *pem_path(const char *path, char shown[200])
{
	return text_printable(path, shown, 200);
}

/* ---- files ---- */

/* The owner is a user who may change what we run anyway: root, or ourselves. */
static bool mode_good(const struct stat *is, const char *path, char error[ERROR_MAX])
{
	unsigned open_to = is->st_uid ? 077 : 037;
	char shown[200];

	if (is->st_uid && is->st_uid != geteuid())
		error_format(error, "expected a file of our own user or root, got one of user %u "
		             "(%s)", (unsigned)is->st_uid, pem_path(path, shown));
	else if (is->st_mode & open_to)
		error_format(error, "expected a file that others cannot open, got mode %04o (%s)",
		             (unsigned)is->st_mode & 07777, pem_path(path, shown));
	else
		return true;
	return false;
}

/* Returns the descriptor; -1: `error` says why. O_NONBLOCK: a pipe would wait for its writer. */
static int file_open(const char *path, bool secret, char error[ERROR_MAX])
{
	struct stat is;
	char shown[200];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &is)) {
		error_format(error, "cannot read %s: %s", pem_path(path, shown), strerror(errno));
	} else if (!S_ISREG(is.st_mode)) {
		error_format(error, "expected a regular file, got %s (%s)",
		             S_ISDIR(is.st_mode) ? "a directory" :
		             S_ISFIFO(is.st_mode) ? "a pipe" : "a device", pem_path(path, shown));
	} else if (!secret || mode_good(&is, path, error)) {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

bool pem_file_read(struct tls_pem *to, const char *path, size_t most, bool secret,
                   char error[ERROR_MAX])
{
	int fd = file_open(path, secret, error);
	char *room = fd < 0 ? NULL : secret_make(most + 1), shown[200];
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return false;
	while (n <= most && (got = read(fd, room + n, most + 1 - n)) > 0)
		n += (size_t)got;
	int why = errno;
	close(fd);
	if (got < 0 || n > most) {
		if (got < 0)
			error_format(error, "cannot read %s: %s", pem_path(path, shown),
			             strerror(why));
		else
			error_format(error, "expected at most %zu bytes, got more (%s)", most,
			             pem_path(path, shown));
		secret_free_unused(room, most + 1, n);
		return false;
	}
	*to = (struct tls_pem){ xstrdup(path), secret_make(n + 1), n };
	memcpy(to->text, room, n);
	secret_free_unused(room, most + 1, n);
	return true;
}

void pem_file_free(struct tls_pem *p)
{
	secret_free(p->text, p->n + 1);
	free(p->file);
	*p = (struct tls_pem){ 0 };
}

/* ---- contents ---- */

bool pem_has_key(const struct tls_pem *p)
{
	return p->n && memmem(p->text, p->n, "PRIVATE KEY-----", 16);
}

bool pem_is_encrypted(const struct tls_pem *p)
{
	return p->n && (memmem(p->text, p->n, "BEGIN ENCRYPTED PRIVATE KEY", 27) ||
	                memmem(p->text, p->n, "4,ENCRYPTED", 11));
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *to, int room, int writes, void *user)
{
	return -1;
}

EVP_PKEY *pem_key(const struct tls_pem *p)
{
	BIO *in = p->n ? BIO_new_mem_buf(p->text, (int)p->n) : NULL;

	wipe_begin();
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
	BIO_free(in);
	wipe_end();
	ERR_clear_error();
	return key;
}

STACK_OF(X509) *pem_certificates(const char *text, size_t n)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *in = n ? BIO_new_mem_buf(text, (int)n) : NULL;
	X509 *one;

	while (in && all && (one = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)))
		if (!sk_X509_push(all, one))
			X509_free(one);
	BIO_free(in);
	ERR_clear_error();
	return all;
}

X509 *pem_certificate(const struct tls_pem *p, STACK_OF(X509) **chain)
{
	STACK_OF(X509) *all = pem_certificates(p->text, p->n);
	X509 *first = all ? sk_X509_shift(all) : NULL;

	if (chain && first)
		*chain = all;
	else
		sk_X509_pop_free(all, X509_free);
	return first;
}
