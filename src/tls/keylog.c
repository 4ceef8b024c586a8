/* keylog.c - the log of TLS secrets that --tls-keylog asks for, as NSS and Wireshark read it. */
#include "tls/keylog.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

static int log_fd = -1;

bool tls_keylog_open(const char *file)
{
	log_fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return log_fd >= 0;
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
