/* tls.c - the clients of the benchmark that speak TLS: bulk, ping-pong, handshakes, idleness.
 *
 * TLS 1.3, AES-128-GCM, X25519: what any proxy would choose, said so that all choose it. The
 * certificate is not verified, because that is the client's work and the same before each proxy. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

enum { PING = 64 };

struct speaker {                        /* one connection */
	SSL *ssl;
	int fd;
	size_t got;                     /* bytes of the answer under way */
	nsec asked;
	bool said;                      /* its first bytes are sent */
};

static uint8_t buffer[BUFFER];
static SSL_CTX *context;
static SSL_SESSION *ticket;             /* the latest; NULL: none, or none wanted */
static bool resumes;

static int ticket_keep(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	if (!resumes)
		return 0;
	SSL_SESSION_free(ticket);
	ticket = s;
	return 1;
}

static void context_make(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_groups_list(context, "X25519"))
		give_up("TLS");
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT |
	                                        SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, ticket_keep);
}

static void speaker_begin(struct speaker *s, const struct place *to, unsigned from)
{
	*s = (struct speaker){ .fd = place_dial(to, from), .ssl = SSL_new(context) };
	s->asked = now();
	if (!s->ssl || !SSL_set_fd(s->ssl, s->fd))
		give_up("TLS");
	if (resumes && ticket)
		SSL_set_session(s->ssl, ticket);
	SSL_set_connect_state(s->ssl);
}

static void speaker_end(struct speaker *s)
{
	SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	close(s->fd);
}

/* 0: later. The stream must not end. */
static size_t done(struct speaker *s, int n)
{
	int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, n);

	if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
		ERR_print_errors_fp(stderr);
		give_up("TLS has failed");
	}
	return n > 0 ? (size_t)n : 0;
}

static void say(struct speaker *s, char wish, size_t n)
{
	buffer[0] = (uint8_t)wish;
	if (done(s, SSL_write(s->ssl, buffer, (int)n)) != n)
		give_up("a short write");
	s->said = true;
}

/* Connected one after the other, each with its first byte sent; then they do not block. */
static struct speaker *speakers(const struct place *to, int n, char wish)
{
	struct speaker *s = calloc((size_t)n, sizeof *s);

	if (!s)
		give_up("memory");
	for (int i = 0; i < n; i++) {
		speaker_begin(&s[i], to, 0);
		say(&s[i], wish, 1);
	}
	return s;
}

static int watched(struct speaker *s, int n, unsigned events)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < n; i++) {
		struct epoll_event e = { .events = events, .data.ptr = &s[i] };
		fcntl(s[i].fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(epoll, EPOLL_CTL_ADD, s[i].fd, &e);
	}
	return epoll;
}

static int wait_for(int epoll, struct epoll_event *events)
{
	int k = epoll_wait(epoll, events, 256, 5000);

	if (k <= 0)
		give_up("nothing comes");
	return k;
}

static int say_rate(uint64_t ops, nsec took)
{
	printf("ops=%llu rate=%.1f\n", (unsigned long long)ops,
	       (double)ops * NSEC_S / (double)took);
	return 0;
}

/* ---- bulk ---- */

static uint64_t bulk_step(struct speaker *s, bool up, unsigned events)
{
	uint64_t arrived = 0, n;

	if (events & EPOLLIN)
		while ((n = done(s, SSL_read(s->ssl, buffer, sizeof buffer))) > 0) {
			arrived += up ? n * MEAL : n;
			/* The others' turn: epoll is level-triggered, and OpenSSL keeps no more
			 * than a record. */
			if (arrived >= MEAL)
				break;
		}
	for (int i = 0; up && events & EPOLLOUT && i < 16; i++)
		if (!done(s, SSL_write(s->ssl, buffer, 16384)))
			break;
	return arrived;
}

int tls_bulk_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	context_make();
	bool up = !strcmp(argv[0], "tls-up");
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct speaker *s = speakers(&to, n, up ? 'u' : 'd');
	int epoll = watched(s, n, EPOLLIN | (up ? EPOLLOUT : 0));
	struct epoll_event events[256];
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), last = start;
	uint64_t bytes = 0;

	while (last < end) {
		int k = wait_for(epoll, events);
		for (int i = 0; i < k; i++)
			bytes += bulk_step(events[i].data.ptr, up, events[i].events);
		last = now();
	}
	return say_rate(bytes, last - start);
}

/* ---- ping-pong ---- */

int tls_pingpong_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	context_make();
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct speaker *s = speakers(&to, n, 'e');
	int epoll = watched(s, n, EPOLLIN);
	struct epoll_event events[256];
	uint64_t pongs = 0;

	for (int i = 0; i < n; i++)
		s[i].got = PING - 1;            /* the first byte is echoed, too */
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), t = start;
	while (t < end) {
		int k = wait_for(epoll, events);
		for (int i = 0; i < k; i++) {
			struct speaker *one = events[i].data.ptr;
			one->got += done(one, SSL_read(one->ssl, buffer, PING));
			if (one->got < PING)
				continue;
			pongs++;
			one->got = 0;
			say(one, 0, PING);
		}
		t = now();
	}
	return say_rate(pongs, t - start);
}

/* ---- handshakes ---- */

/* Goes on with the handshake, and sends the request behind it. */
static void churn_speak(struct speaker *s)
{
	if (!SSL_is_init_finished(s->ssl))
		done(s, SSL_do_handshake(s->ssl));
	if (SSL_is_init_finished(s->ssl) && !s->said)
		say(s, 'e', PING);
}

static void churn_begin(struct speaker *s, const struct place *to, int epoll, uint64_t turn)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };

	/* Several addresses, because closed connections keep their port for a while. */
	speaker_begin(s, to, (unsigned)(turn % 8));
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e);
	churn_speak(s);
}

/* tls-churn PLACE CLIENTS SECONDS full|resumed */
int tls_churn_run(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	context_make();
	resumes = !strcmp(argv[4], "resumed");
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct speaker *s = calloc((size_t)n, sizeof *s);
	struct epoll_event events[256];
	uint64_t finished = 0;
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), t = start;

	for (int i = 0; s && i < n; i++)
		churn_begin(&s[i], &to, epoll, (unsigned)i);
	while (t < end) {
		int k = wait_for(epoll, events);
		for (int i = 0; i < k; i++) {
			struct speaker *one = events[i].data.ptr;
			churn_speak(one);
			if (one->said)
				one->got += done(one, SSL_read(one->ssl, buffer, PING));
			if (one->got < PING)
				continue;
			speaker_end(one);
			churn_begin(one, &to, epoll, ++finished);
		}
		t = now();
	}
	return say_rate(finished, t - start);
}

/* ---- idleness ---- */

/* tls-idle PLACE CONNECTIONS: one exchange on each, then nothing until stdin ends. */
int tls_idle_run(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	context_make();
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct speaker *s = speakers(&to, n, 'e');

	for (int i = 0; i < n; i++)
		if (!done(&s[i], SSL_read(s[i].ssl, buffer, PING)))
			give_up("no answer");
	printf("ops=%d\n", n);
	fflush(stdout);
	while (read(0, buffer, sizeof buffer) > 0)
		;
	return 0;
}
