/* pour - both ends of one connection through a proxy, which speak TLS and compare every byte.
 *
 *	pour PROXY_PORT BACKEND_PORT MIB UPDATE_KIB CERTIFICATE
 *
 * Listens on BACKEND_PORT, connects to PROXY_PORT, and sends both ways at once: MIB at least, and
 * on until stdin ends. Each end updates its keys every UPDATE_KIB, and asks every second time for
 * the other's update. The client ends first, and the server sends 1 MiB more to what only listens.
 * Prints one line, and returns 0 where all has arrived.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A prime: no record begins twice at the same place. */
enum { PERIOD = 65521, PIECE = 1 << 16 };

struct end {
	const char *name;
	SSL *ssl;
	int fd;
	unsigned char bytes[PERIOD + PIECE];	/* what it sends */
	unsigned long sent, updated;
	unsigned long got;			/* of the other's bytes */
	unsigned updates;
	int pending;				/* a write must be made again first */
	int said_bye, heard_bye;
	unsigned long heard_at;			/* `sent` when the other's bye came */
};

static struct end client = { .name = "client" }, server = { .name = "server" };
static unsigned long least, update_every;
static int stdin_open = 1;

static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("; client: %lu sent, %lu received; server: %lu, %lu\n", client.sent, client.got,
	       server.sent, server.got);
	ERR_print_errors_fp(stdout);
	exit(1);
}

static struct sockaddr_in local(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((unsigned short)atoi(port)) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

static void end_init(struct end *e, unsigned seed)
{
	for (unsigned i = 0; i < PERIOD; i++) {
		seed = seed * 1103515245u + 12345u;
		e->bytes[i] = (unsigned char)(seed >> 16);
	}
	memcpy(e->bytes + PERIOD, e->bytes, PIECE < PERIOD ? PIECE : PERIOD);
	memcpy(e->bytes + 2 * PERIOD, e->bytes, PIECE - PERIOD);
}

static void end_secure(struct end *e, SSL_CTX *context, int fd)
{
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	e->ssl = SSL_new(context);
	e->fd = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(e->ssl, fd);
}

/* Both ends, with their handshakes begun: these are done by the first reads and writes. */
static void connect_both(const char *to, const char *at, const char *certificate)
{
	struct sockaddr_in here = local(at), proxy = local(to);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL_CTX *accepts = SSL_CTX_new(TLS_server_method());
	SSL_CTX *connects = SSL_CTX_new(TLS_client_method());
	int one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (void *)&here, sizeof here) || listen(listener, 1))
		fail("listen: %s", strerror(errno));
	if (connect(fd, (void *)&proxy, sizeof proxy))
		fail("connect: %s", strerror(errno));
	if (SSL_CTX_use_certificate_chain_file(accepts, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(accepts, certificate, SSL_FILETYPE_PEM) != 1)
		fail("certificate");
	end_secure(&client, connects, fd);
	SSL_set_connect_state(client.ssl);
	end_secure(&server, accepts, accept(listener, NULL, NULL));
	SSL_set_accept_state(server.ssl);
	close(listener);
}

/* Whether a call that has moved nothing shall be made again. */
static int again(struct end *e, int result, const char *what)
{
	int why = SSL_get_error(e->ssl, result);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 1;
	if (why == SSL_ERROR_ZERO_RETURN) {
		e->heard_bye = 1;
		e->heard_at = e->sent;
		return 0;
	}
	fail("%s: %s has failed (%d, %s)", e->name, what, why, strerror(errno));
}

static int end_is_done(const struct end *e)
{
	if (e == &server)
		return e->heard_bye && e->sent >= least && e->sent >= e->heard_at + (1 << 20);
	return !stdin_open && e->sent >= least;
}

static int end_send(struct end *e)
{
	size_t n;

	if (e->said_bye)
		return 0;
	if (!e->pending && end_is_done(e)) {
		if (SSL_shutdown(e->ssl) < 0)
			return again(e, -1, "shutdown") && 0;
		e->said_bye = 1;
		return 1;
	}
	if (e->sent - e->updated >= update_every && !e->pending && SSL_is_init_finished(e->ssl)) {
		SSL_key_update(e->ssl, e->updates % 2 ? SSL_KEY_UPDATE_REQUESTED :
							SSL_KEY_UPDATE_NOT_REQUESTED);
		e->updates++;
		e->updated = e->sent;
	}
	e->pending = !SSL_write_ex(e->ssl, e->bytes + e->sent % PERIOD, PIECE, &n);
	if (e->pending)
		return again(e, 0, "write") && 0;
	e->sent += n;
	return 1;
}

static int end_receive(struct end *e, struct end *from)
{
	static unsigned char bytes[PIECE];
	size_t n;

	if (e->heard_bye)
		return 0;
	if (!SSL_read_ex(e->ssl, bytes, sizeof bytes, &n))
		return !again(e, 0, "read");
	if (e->got + n > from->sent || memcmp(bytes, from->bytes + e->got % PERIOD, n))
		fail("%s: a byte from %lu to %lu differs", e->name, e->got, e->got + n);
	e->got += n;
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	least = strtoul(argv[3], NULL, 10) << 20;
	update_every = strtoul(argv[4], NULL, 10) << 10;
	end_init(&client, 1);
	end_init(&server, 2);
	connect_both(argv[1], argv[2], argv[5]);
	while (!client.heard_bye || !server.heard_bye) {
		struct pollfd p[3] = { { client.fd, POLLIN, 0 }, { server.fd, POLLIN, 0 },
				       { stdin_open - 1, POLLIN, 0 } };
		int moved = end_send(&client) + end_receive(&server, &client) + end_send(&server) +
			    end_receive(&client, &server);

		p[0].events |= client.said_bye ? 0 : POLLOUT;
		p[1].events |= server.said_bye ? 0 : POLLOUT;
		if (poll(p, 3, moved ? 0 : -1) > 0 && p[2].revents)
			stdin_open = read(0, (char[16]){ 0 }, 16) > 0;
	}
	if (client.got != server.sent || server.got != client.sent)
		fail("bytes are missing");
	printf("%lu and %lu bytes, %u and %u updates of keys\n", client.sent, server.sent,
	       client.updates, server.updates);
	return 0;
}
