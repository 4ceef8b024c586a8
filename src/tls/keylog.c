/* keylog.c - the log of TLS secrets that --tls-keylog asks for, as NSS and Wireshark read it. */
#include "tls/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_fd = -1;

bool tls_keylog_open(const char *file)
{
	struct stat is;
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	              0600);

	if (fd < 0)
		return false;
	/* writing to a pipe may wait */
	bool regular = fstat(fd, &is) == 0 && S_ISREG(is.st_mode);
	if (regular && fchmod(fd, 0600) == 0) {
		log_fd = fd;
		return true;
	}
	int why = regular ? errno : EINVAL;
	close(fd);
	errno = why;
	return false;
}

void tls_keylog_close(void)
{
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
}

/* One write a line: threads do not mix theirs. */
static void keylog_line(const SSL *ssl, const char *line)
{
	char text[512];
	int n = snprintf(text, sizeof text, "%s\n", line);

	/* a full disk costs the log, not the connection */
	ssize_t written = n > 0 && n < (int)sizeof text ? write(log_fd, text, (size_t)n) : 0;
	(void)written;
	OPENSSL_cleanse(text, sizeof text);
}

void tls_keylog_use(SSL *ssl)
{
	if (log_fd >= 0)
		SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), keylog_line);
}
