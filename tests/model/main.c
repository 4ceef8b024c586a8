/* main.c - model test: random traffic under random rules, compared with a mirror of the engine.
 *
 *   model --seeds 1-40 [--bufsize N] [--splice-from N] [--steps N] [--tls] [--threads] [--bulk MIB]
 *
 * One thread steps two workers in turn, over real sockets on loopback. Only the test moves the
 * clock, so a seed always gives the same story. After each step the test waits until nothing moves.
 * Then it compares every byte that each peer has received with the mirror.
 *
 * --tls: one leg or both have TLS. The peers' records come cut anywhere, with new keys between
 * them. Some backends do not begin their handshake for a while, and some clients stop somewhere in
 * theirs. The mirror knows of none of this: TLS must change nothing. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/journal.h"
#include "base/log.h"
#include "engine/accept.h"
#include "engine/conn.h"
#include "engine/shard.h"
#include "engine/worker.h"
#include "faults.h"
#include "mirror.h"
#include "model.h"
#include "net/bind.h"
#include "net/drain.h"
#include "secure.h"
#include "spec/registry.h"
#include "tls/identity.h"
#include "tls/legs.h"

enum { WORKERS = 2, PEERS = 10, BODY_MAX = 300000 };

struct bytes { uint8_t *p; size_t n, room; };

/* A client, its backend, and the mirror of their connection. */
struct peer {
	bool used, client_left, backend_left;
	bool spoke;                     /* the client has sent something */
	vn_nsec opened;
	int client, backend;            /* -1: none */
	struct secure *client_tls, *backend_tls;        /* NULL: plain */
	bool shy;                       /* the backend's handshake has not begun */
	bool coy;                       /* the client has stopped in its handshake */
	struct bytes at_client, at_backend;
	bool client_eof, client_rst, backend_eof, backend_rst;
	size_t parsed;                  /* bytes of at_backend */
	unsigned pending;               /* requests to be answered */
	struct mirror_conn mirror;
};

static struct world {
	struct worker workers[WORKERS];
	struct shard *shards[WORKERS];
	struct endpoint front;
	int back;                       /* the backends' listener */
	struct mirror_rules *rules;
	struct spec *spec;
	struct peer peers[PEERS];
	uint64_t accepted, next_rule, step;
	struct vn_dice dice;            /* of the test itself */
	const char *failed;
	struct secure *under_way;       /* some bytes of its records are sent, and not all */
	char what[512];
	bool greeter, verbose;
	bool tls;                       /* stories have it; this one on these legs: */
	struct spec *legs;
	size_t body_max;                /* small if reads are small */
} w;

static vn_nsec virtual_now;

static vn_nsec virtual_clock(void)
{
	return virtual_now;
}

static uint64_t pick(uint64_t below)
{
	return vn_dice_below(&w.dice, below);
}

__attribute__((format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	va_list args;

	if (w.failed)
		return;
	va_start(args, format);
	vsnprintf(w.what, sizeof w.what, format, args);
	va_end(args);
	w.failed = w.what;
}

#define say(...)                                                                                   \
	do {                                                                                       \
		if (w.verbose) {                                                                   \
			printf("%4llu @%lld.%03lld ", (unsigned long long)w.step,                  \
			       (long long)(virtual_now / VN_MS),                                   \
			       (long long)(virtual_now / 1000 % 1000));                            \
			printf(__VA_ARGS__);                                                       \
			putchar('\n');                                                             \
			fflush(stdout);                                                            \
		}                                                                                  \
	} while (0)

/* ---- waiting until nothing moves ---- */

static void bytes_add(struct bytes *to, const uint8_t *p, size_t n)
{
	if (to->n + n > to->room) {
		to->room = (to->n + n) * 2;
		to->p = realloc(to->p, to->room);
	}
	memcpy(to->p + to->n, p, n);
	to->n += n;
}

/* Sends what TLS wants to send, unless a record is under way. */
static void secure_send(int fd, struct secure *s)
{
	uint8_t wire[4096];
	size_t n;

	while (s != w.under_way && (n = secure_goes(s, wire, sizeof wire)))
		send(fd, wire, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Reads all bytes that are there. True: there were some. `stops`: its TLS does not go on. */
static bool swallow(int fd, struct secure *s, bool stops, struct bytes *to, bool *eof, bool *rst)
{
	static uint8_t buffer[1 << 18];
	bool any = false;
	ssize_t n;

	if (fd < 0 || *eof || *rst)
		return false;
	while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
		any = true;
		if (!s) {
			bytes_add(to, buffer, (size_t)n);
			continue;
		}
		secure_came(s, buffer, (size_t)n);
		if (stops)
			continue;
		for (size_t plain; (plain = secure_read(s, buffer, sizeof buffer));)
			bytes_add(to, buffer, plain);
		secure_send(fd, s);
	}
	*eof = n == 0;
	if (*eof && s && secure_done(s) && !secure_ended(s))
		fail("a FIN came without close_notify");
	*rst = n < 0 && errno != EAGAIN;
	return any || *eof || *rst;
}

static bool turn(void)
{
	bool any = false;

	for (int i = 0; i < WORKERS; i++)
		any |= loop_once(&w.workers[i].loop, false);
	for (struct peer *p = w.peers; p < w.peers + PEERS; p++) {
		if (!p->used)
			continue;
		any |= swallow(p->client, p->client_tls, p->coy, &p->at_client, &p->client_eof,
		               &p->client_rst);
		if (!p->shy)
			any |= swallow(p->backend, p->backend_tls, false, &p->at_backend,
			               &p->backend_eof, &p->backend_rst);
	}
	return any;
}

static void rest(void)
{
	for (int quiet = 0; quiet < 3;)
		quiet = turn() ? 0 : quiet + 1;
	for (struct peer *p = w.peers; p < w.peers + PEERS; p++)
		if (p->used && p->client >= 0)
			mirror_rest(&p->mirror, virtual_now);
}

static bool pour(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t m = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (m < 0 && errno != EAGAIN)
			return false;   /* reset meanwhile, as the mirror predicts */
		if (m < 0 && !turn() && !turn() && !turn())
			return false;   /* the proxy reads no more */
		if (m > 0) {
			p += m;
			n -= (size_t)m;
		}
	}
	return true;
}

/* The same through TLS, if there is a `*s`. The proxy gets the records in pieces, cut anywhere. A
 * record that is not taken whole is the last one. */
static void pour_through(int fd, struct secure *s, const uint8_t *p, size_t n)
{
	static uint8_t wire[2 * BODY_MAX];
	bool whole = true;

	if (!s) {
		pour(fd, p, n);
		return;
	}
	if (!pick(5))
		secure_renew(s, pick(2));
	secure_write(s, p, n);
	size_t all = secure_goes(s, wire, sizeof wire), at = 0;
	w.under_way = s;
	while (at < all && whole) {
		size_t piece = pick(3) ? all - at : 1 + pick(all - at);
		whole = pour(fd, wire + at, piece);
		at += piece;
		for (uint64_t turns = at < all ? pick(4) : 0; turns; turns--)
			turn();
	}
	w.under_way = NULL;
	if (!whole)
		secure_break(s);
	secure_send(fd, s);
}

/* ---- comparing ---- */

static void compare_stream(struct peer *p, const char *where, const struct bytes *got,
                           const struct mirror_stream *want, bool prefix)
{
	size_t n = got->n < want->n ? got->n : want->n, at = 0;

	if (n && !memcmp(got->p, want->sent, n))
		at = n;
	while (at < n && got->p[at] == want->sent[at])
		at++;
	if (at < n || (got->n != want->n && !(prefix && got->n < want->n)))
		fail("connection %llu: the %s has %zu bytes, the mirror says %zu; first "
		     "difference at %zu: '%.*s' for '%.*s'",
		     (unsigned long long)p->mirror.number, where, got->n, want->n, at,
		     (int)(got->n - at < 24 ? got->n - at : 24), got->p ? (char *)got->p + at : "",
		     (int)(want->n - at < 24 ? want->n - at : 24),
		     want->sent ? (char *)want->sent + at : "");
}

/* A new connection is not reset before its client can know that it is connected. */
static bool spared_yet(const struct peer *p)
{
	return !p->spoke && virtual_now < p->opened + 20 * VN_MS;
}

static void compare(struct peer *p)
{
	struct mirror_conn *m = &p->mirror;
	bool reset = m->over && m->how == VN_RESET;
	bool ended = p->client_eof || p->client_rst;

	if (p->client >= 0)
		compare_stream(p, "client", &p->at_client, &m->down, reset || p->client_left);
	if (p->backend >= 0)
		compare_stream(p, "backend", &p->at_backend, &m->up,
		               reset || m->over || p->client_left);
	if (p->client < 0)
		return;
	if (reset && !ended && spared_yet(p))
		return;
	if (ended != (m->over || m->down.shut))
		fail("connection %llu: the client %s an end, the mirror says %s",
		     (unsigned long long)m->number, ended ? "saw" : "saw no",
		     m->over      ? m->how == VN_RESET ? "reset" : "closed" :
		     m->down.shut ? "end of stream" :
		                    "open");
	if (m->over && m->how == VN_RESET && !p->client_rst && !p->client_left && !m->down.shut)
		fail("connection %llu: the client saw a FIN where the mirror says reset",
		     (unsigned long long)m->number);
	if (m->over && m->how == VN_CLOSE && p->client_rst && !p->client_left && !m->up.n)
		fail("connection %llu: the client saw a RST where the mirror says closed",
		     (unsigned long long)m->number);
}

static void compare_all(void)
{
	rest();
	for (struct peer *p = w.peers; p < w.peers + PEERS && !w.failed; p++)
		if (p->used)
			compare(p);
}

/* ---- events of a story ---- */

static void peer_free(struct peer *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->backend >= 0)
		close(p->backend);
	secure_free(p->client_tls);
	secure_free(p->backend_tls);
	free(p->at_client.p);
	free(p->at_backend.p);
	mirror_free(&p->mirror);
	*p = (struct peer){ .client = -1, .backend = -1 };
}

/* A client begins its handshake. Some stop before its first byte, or behind any byte of the hello,
 * or do not look at the answer: of a server that speaks first, none, as it would wait, too. */
static void client_begins(struct peer *p)
{
	uint8_t wire[256];

	p->client_tls = secure_make(false);
	secure_read(p->client_tls, wire, 1);
	p->coy = !w.greeter && p->mirror.linked && !pick(3);
	p->mirror.linked &= !p->coy;
	if (p->coy && pick(3))
		send(p->client, wire, secure_goes(p->client_tls, wire, pick(sizeof wire)),
		     MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		secure_send(p->client, p->client_tls);
}

/* ... and goes on at last. */
static void client_goes_on(struct peer *p)
{
	say("client %llu goes on with its handshake", (unsigned long long)p->mirror.number);
	p->coy = false;
	p->mirror.linked = true;
	secure_read(p->client_tls, &(uint8_t){ 0 }, 1);
	secure_send(p->client, p->client_tls);
	mirror_time(&p->mirror, virtual_now);
}

static void step_open(void)
{
	struct peer *p = NULL;
	int on = 1;

	for (int i = 0; i < PEERS && !p; i++)
		if (!w.peers[i].used)
			p = &w.peers[i];
	if (!p)
		return;
	*p = (struct peer){ .used = true,
		            .client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		            .backend = -1,
		            .opened = virtual_now };
	if (connect(p->client, (struct sockaddr *)&w.front.addr, w.front.len))
		fail("cannot connect: %s", strerror(errno));
	fcntl(p->client, F_SETFL, O_NONBLOCK);
	setsockopt(p->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	say("open %llu", (unsigned long long)w.accepted + 1);
	mirror_open(&p->mirror, ++w.accepted, w.rules, w.greeter, w.legs && w.legs->client_tls,
	            virtual_now);
	if (w.legs && w.legs->client_tls)
		client_begins(p);
	for (int quiet = 0; quiet < 3;)
		quiet = turn() ? 0 : quiet + 1;
	p->backend = accept4(w.back, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (p->backend >= 0)
		setsockopt(p->backend, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if ((p->backend >= 0) != p->mirror.dialled)
		fail("connection %llu: the backend was%s dialled",
		     (unsigned long long)p->mirror.number, p->backend >= 0 ? "" : " not");
	if (p->backend < 0 || !w.legs || !w.legs->backend_tls)
		return;
	p->backend_tls = secure_make(true);
	p->shy = p->mirror.linked && !pick(3);
	p->mirror.linked &= !p->shy;
}

/* A backend begins its handshake at last. */
static void step_handshake(struct peer *p)
{
	say("backend %llu does its handshake", (unsigned long long)p->mirror.number);
	p->shy = false;
	p->mirror.linked = true;
	mirror_time(&p->mirror, virtual_now);
}

typedef void teller(struct mirror_conn *, const uint8_t *, size_t, vn_nsec);

/* Sends a line, and its body if it has one, in pieces, to the proxy and to the mirror. */
static void send_message(struct peer *p, int fd, teller *tell, const char *line, size_t body)
{
	static uint8_t filler[BODY_MAX];

	say("%s %llu: %.*s", tell == mirror_client ? "client" : "backend",
	    (unsigned long long)p->mirror.number, (int)strlen(line) - 1, line);
	p->spoke |= fd == p->client;
	struct secure *s = fd == p->client ? p->client_tls : p->backend_tls;
	tell(&p->mirror, (const uint8_t *)line, strlen(line), virtual_now);
	pour_through(fd, s, (const uint8_t *)line, strlen(line));
	while (body) {
		size_t n = pick(2) ? body : 1 + pick(body);
		for (size_t i = 0; i < n; i++)
			filler[i] = (uint8_t)('a' + (body + i) % 23);
		tell(&p->mirror, filler, n, virtual_now);
		pour_through(fd, s, filler, n);
		body -= n;
		rest();         /* so that the proxy reads the same pieces */
		if (p->client_rst || p->backend_rst)
			return;
	}
}

static void step_ask(struct peer *p)
{
	if (p->client_left || p->client_eof || p->client_rst || p->shy || p->coy)
		return;         /* the proxy does not read yet */
	for (uint64_t n = 1 + pick(6); n; n--) {
		char line[64];
		size_t body = pick(6) ? 0 :
		                        1 + pick(pick(3) || p->mirror.mode == M_UNDECIDED ?
		                                         50 :
		                                         w.body_max);
		static unsigned text;
		if (body)
			snprintf(line, sizeof line, "#%zu t%u\n", body, ++text);
		else
			snprintf(line, sizeof line, "%c%u\n", "?!>."[pick(7) > 1 ? 0 : 1 + pick(3)],
			         ++text);
		send_message(p, p->client, mirror_client, line, body);
	}
}

/* Finds requests that wait for an answer in the bytes that the backend has received. */
static void parse_requests(struct peer *p)
{
	const uint8_t *end;

	while (p->parsed < p->at_backend.n &&
	       (end = memchr(p->at_backend.p + p->parsed, '\n', p->at_backend.n - p->parsed))) {
		const uint8_t *line = p->at_backend.p + p->parsed;
		size_t body = *line == '#' ? strtoul((const char *)line + 1, NULL, 10) : 0;
		size_t all = (size_t)(end - line) + 1 + body;
		if (p->parsed + all > p->at_backend.n)
			break;
		p->parsed += all;
		p->pending += *line != '!' && *line != '.';
	}
}

static void step_answer(struct peer *p)
{
	if (p->shy || p->coy) {
		p->coy ? client_goes_on(p) : step_handshake(p);
		return;
	}
	parse_requests(p);
	if (p->backend < 0 || p->backend_left || p->mirror.over || p->backend_rst ||
	    !p->mirror.linked)
		return;
	if (w.greeter && p->mirror.first && p->mirror.first->opening) {
		send_message(p, p->backend, mirror_backend, "=hello\n", 0);
		return;
	}
	if (!pick(8))
		send_message(p, p->backend, mirror_backend, "*news\n", 0);
	for (uint64_t n = pick(p->pending + 1); n && p->pending; n--, p->pending--) {
		char line[64];
		size_t body = pick(6) ? 0 : 1 + pick(pick(3) ? 50 : w.body_max);
		static unsigned text;
		for (uint64_t more = pick(4) ? 0 : pick(3); more; more--) {
			snprintf(line, sizeof line, "+a%u\n", ++text);
			send_message(p, p->backend, mirror_backend, line, 0);
		}
		if (body)
			snprintf(line, sizeof line, "#%zu a%u\n", body, ++text);
		else
			snprintf(line, sizeof line, "%ca%u\n", pick(4) ? '=' : '~', ++text);
		send_message(p, p->backend, mirror_backend, line, body);
	}
}

static void step_leave(struct peer *p)
{
	bool client = pick(3);

	if (p->shy || p->coy)
		return;
	if (client && p->mirror.up.ended)
		/* The FIN would come after bytes that are not read, so the proxy cannot see it. */
		return;
	if (client ? p->client_left || p->client_rst :
	             p->backend < 0 || p->backend_left || p->backend_rst || p->backend_eof)
		return;
	say("%s %llu ends its stream", client ? "client" : "backend",
	    (unsigned long long)p->mirror.number);
	*(client ? &p->client_left : &p->backend_left) = true;
	struct secure *s = client ? p->client_tls : p->backend_tls;
	if (s) {
		secure_bye(s);
		secure_send(client ? p->client : p->backend, s);
	}
	shutdown(client ? p->client : p->backend, SHUT_WR);
	mirror_fin(&p->mirror, client, virtual_now);
}

static void step_reset(struct peer *p)
{
	bool client = pick(2);
	int *fd = client ? &p->client : &p->backend;

	bool said_all = client ? p->client_left && p->mirror.down.shut :
	                         p->backend_left && p->mirror.up.shut;

	if (*fd < 0 || p->mirror.over || said_all)
		return;         /* both directions are shut: there is nothing to reset */
	say("%s %llu resets", client ? "client" : "backend", (unsigned long long)p->mirror.number);
	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(*fd);
	*fd = -1;
	p->shy = p->coy = false;
	rest();
	bool seen = client ? p->backend < 0 || p->backend_rst || p->backend_eof :
	                     p->client_rst || p->client_eof;
	if (!seen && (client || !spared_yet(p)))
		fail("connection %llu: the other side saw nothing of a reset",
		     (unsigned long long)p->mirror.number);
	peer_free(p);
}

static void step_time(void)
{
	vn_nsec next = virtual_now + (vn_nsec)(1 + pick(400)) * VN_MS;

	for (int i = 0; i < WORKERS; i++)
		if (w.workers[i].loop.timers && w.workers[i].loop.heap[1]->due < next)
			next = w.workers[i].loop.heap[1]->due;
	if (next > virtual_now)
		virtual_now = next;
	say("time");
	for (struct peer *p = w.peers; p < w.peers + PEERS; p++)
		if (p->used)
			mirror_time(&p->mirror, virtual_now);
}

/* ---- rules ---- */

static const char *const toys[] = { "toy_late",  "toy_hung", "toy_refused", "toy_lost",
	                            "toy_mute",  "toy_cut",  "toy_ended",   "toy_open",
	                            "toy_leave", "toy_idle", "toy_slow" };

static struct mirror_rule rule_draw(void)
{
	static const char *const failures[] = { "no",  "twice", "quiet", "no",
		                                "bye", "full",  "edited" };
	static const uint8_t odds[] = { LATE, LATE, LATE,  HUNG, REFUSED, REFUSED, LOST,
		                        MUTE, CUT,  ENDED, OPEN, LEAVE,   IDLE,    SLOW };
	struct mirror_rule r = { .id = ++w.next_rule,
		                 .toy = odds[pick(sizeof odds)],
		                 .low = 0,
		                 .high = 1,
		                 .times = UINT64_MAX };
	char name[32];

	r.before = pick(3) ? (vn_nsec)pick(500) * VN_MS + (vn_nsec)pick(1000) * 1000 : 0;
	r.after = pick(3) ? (vn_nsec)pick(500) * VN_MS + (vn_nsec)pick(1000) * 1000 : 0;
	r.failure = failures[pick(7)];
	r.n = r.toy == CUT ? (int64_t)pick(200) : (int64_t)pick(2);
	r.per_connection = r.toy == SLOW || !pick(3);
	if (pick(3) || r.toy == LOST || r.toy == MUTE) {
		r.low = (double)pick(50) / 100;
		r.high = r.low + (double)(1 + pick(50)) / 100;
	}
	if ((r.toy == OPEN || r.toy == ENDED || r.toy == LEAVE) && r.high - r.low > 0.3)
		r.high = r.low + 0.3;
	if ((r.toy == REFUSED || r.toy == LATE) && !pick(3)) {
		r.skip = pick(4);
		r.times = 1 + pick(6);
	}
	r.origin = r.id;
	snprintf(name, sizeof name, "rule%llu", (unsigned long long)r.origin);
	r.dice = dice_make(w.workers[0].seed, "model", name);
	return r;
}

/* Gives the rule other options. */
static struct mirror_rule rule_redraw(const struct mirror_rule *of)
{
	struct mirror_rule r = *of;

	r.id = ++w.next_rule;
	r.before = pick(3) ? (vn_nsec)pick(500) * VN_MS : 0;
	r.after = pick(3) ? (vn_nsec)pick(500) * VN_MS : 0;
	if (pick(2))
		r.high = r.low + (r.high - r.low) * (double)(1 + pick(4)) / 4;
	r.times = r.times == UINT64_MAX ? r.times : r.times + pick(3);
	return r;
}

static void toy_rule(struct rule_spec *s, const struct mirror_rule *r)
{
	char name[32], error[ERROR_MAX];
	struct http_error *o;

	snprintf(name, sizeof name, "rule%llu", (unsigned long long)r->origin);
	*s = (struct rule_spec){
		.name = strdup(name),
		.behavior = behavior_find(toys[r->toy]),
		.low = r->low,
		.high = r->high,
		.per_connection = r->per_connection,
		.every = 1,
		.until = VN_NEVER,
		.id = r->id,
		.origin = r->origin
	};
	opt_values_init(&s->values, s->behavior->options, s->behavior->opts_size);
	if (!opt_set_text(&s->values, opt_find(s->behavior->options, "failure"), r->failure, error))
		fail("%s", error);
	o = s->values.opts;
	o->before = r->before;
	o->after = r->after;
	o->n = r->n;
	s->skip = r->skip;
	s->times = r->times;
}

static struct rule_counters *tally_of(const struct spec *old, uint64_t origin)
{
	for (unsigned i = 0; old && i < old->n_rules; i++)
		if (old->rules[i].origin == origin) {
			atomic_fetch_add(&old->rules[i].counters->refs, 1);
			return old->rules[i].counters;
		}
	struct rule_counters *t = calloc(1, sizeof *t);
	atomic_store(&t->refs, 1);
	return t;
}

/* Makes a spec of the mirror's rules. */
static struct spec *toy_spec(const struct mirror_rules *rules)
{
	struct spec *s = calloc(1, sizeof *s);
	char error[ERROR_MAX], text[64];
	struct sockaddr_in back;
	socklen_t len = sizeof back;

	getsockname(w.back, (struct sockaddr *)&back, &len);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(back.sin_port));
	if (!address_parse(&s->backend, text, error, sizeof error) ||
	    !address_parse(&s->listen, "127.0.0.1:0", error, sizeof error))
		fail("%s", error);
	atomic_store(&s->refs, 1);
	s->name = strdup("model");
	s->enabled = true;
	s->behavior = strdup("dummy");
	s->protocol = protocol_find(w.greeter ? "greeter" : "line");
	if (w.legs) {
		s->client_tls = tls_leg_ref(w.legs->client_tls);
		s->backend_tls = tls_leg_ref(w.legs->backend_tls);
	}
	opt_values_init(&s->protocol_values, NULL, 0);
	s->linger = 2 * VN_S;
	s->hold_max = 8 << 20;
	s->backlog = 64;
	s->n_rules = rules->n;
	s->rules = calloc(rules->n + 1, sizeof *s->rules);
	for (unsigned i = 0; i < rules->n; i++) {
		toy_rule(&s->rules[i], &rules->rule[i]);
		s->rules[i].counters = tally_of(w.spec, rules->rule[i].origin);
	}
	return s;
}

/* Connections that have ended still point to old rules. */
static struct mirror_rules *all_rules[4096];
static unsigned all_rules_n;

static void step_change(void)
{
	struct mirror_rules *from = w.rules, *to = calloc(1, sizeof *to);

	all_rules[all_rules_n++ % 4096] = to;
	bool renewed = !pick(6);

	for (unsigned i = 0; i < from->n; i++)
		if (renewed)
			to->rule[to->n++] = from->rule[i];
		else if (pick(2))
			to->rule[to->n++] = pick(4) ? from->rule[i] : rule_redraw(&from->rule[i]);
	for (uint64_t n = renewed ? 0 : pick(3); n && to->n < RULES; n--)
		to->rule[to->n++] = rule_draw();
	for (unsigned i = 0; i < to->n && w.verbose; i++)
		say("rule %llu of %llu %s%s [%.2f, %.2f) before=%lld after=%lld n=%lld %s "
		    "skip=%llu times=%lld",
		    (unsigned long long)to->rule[i].id, (unsigned long long)to->rule[i].origin,
		    toys[to->rule[i].toy], to->rule[i].per_connection ? " per connection" : "",
		    to->rule[i].low, to->rule[i].high, (long long)to->rule[i].before,
		    (long long)to->rule[i].after, (long long)to->rule[i].n, to->rule[i].failure,
		    (unsigned long long)to->rule[i].skip, (long long)to->rule[i].times);
	say("change to %u rules", to->n);
	w.rules = to;
	struct spec *s = toy_spec(to);
	/* The connections are in the workers' order, so that counts are the same. */
	for (int i = 0; i < WORKERS; i++) {
		for (struct conn *c = w.shards[i]->conns; c; c = c->next)
			for (struct peer *p = w.peers; p < w.peers + PEERS; p++)
				if (p->used && p->mirror.number == c->number) {
					mirror_change(&p->mirror, from, to, virtual_now);
					/* The newer copy keeps the counts. */
					for (unsigned k = 0; k < to->n; k++)
						for (unsigned q = 0; q < from->n; q++)
							if (from->rule[q].origin ==
							            to->rule[k].origin &&
							    from->rule[q].count > to->rule[k].count)
								to->rule[k].count =
									from->rule[q].count;
				}
		shard_change(w.shards[i], s);
		rest();
	}
	spec_unref(w.spec);
	w.spec = s;
}

/* ---- a story ---- */

/* TLS on one leg or on both. */
static struct spec *legs_draw(void)
{
	struct spec *s = spec_make("legs");
	uint64_t which = 1 + pick(3);
	char error[ERROR_MAX] = "";

	s->protocol = protocol_find("line");
	if (which & 1)
		opt_set_text(&s->tls, opt_find(tls_options, "client_tls"), "require", error);
	if (which & 2)
		opt_set_text(&s->tls, opt_find(tls_options, "backend_tls"), "on", error);
	if (!tls_legs_make(s, error))
		fail("%s", error);
	return s;
}

static void world_begin(uint64_t seed, size_t bufsize, size_t splice_from)
{
	char error[ERROR_MAX];
	struct worker_config words = { .seed = seed,
		                       .bufsize = (int64_t)bufsize,
		                       .hold_total = 512 << 20,
		                       .bulk = (int64_t)splice_from };
	struct endpoint bound;
	struct address any;

	w.dice = dice_make(seed, "model", "story");
	w.accepted = w.next_rule = w.step = 0;
	w.failed = NULL;
	w.greeter = pick(2);
	w.legs = w.tls ? legs_draw() : NULL;
	/* Of each second story all events are wanted, though nobody gets them. */
	atomic_store(&journal_wanted, seed % 2 ? ~0u : 0);
	w.body_max = bufsize < 1000 ? 2000 : BODY_MAX;
	virtual_now = VN_S;
	w.rules = calloc(1, sizeof *w.rules);
	all_rules_n = 0;
	all_rules[all_rules_n++] = w.rules;
	address_parse(&any, "127.0.0.1:0", error, sizeof error);
	w.back = bind_address(&any, 64, &bound, error, sizeof error);
	w.spec = NULL;
	w.spec = toy_spec(w.rules);
	for (int i = 0; i < WORKERS; i++) {
		worker_init(&w.workers[i], w.workers, (unsigned)i, WORKERS, NULL, &words);
		w.workers[i].loop.clock = virtual_clock;
		if (seed % 4 == 1)
			w.workers[i].turn = 0;  /* two reads, and others get their turn */
		loop_clock(&w.workers[i].loop);
	}
	shard_make(w.shards, w.workers, WORKERS, 1);
	for (int i = 0; i < WORKERS; i++)
		shard_start(w.shards[i], w.spec);
	listener_start(w.shards[0], bind_address(&any, 64, &w.front, error, sizeof error), NULL);
	address_free(&any);
	for (struct peer *p = w.peers; p < w.peers + PEERS; p++)
		*p = (struct peer){ .client = -1, .backend = -1 };
}

/* Checks the counters when all have left: each connection has one reason, and each answer counted
 * at most once. */
static void figures_check(void)
{
	struct totals f = { 0 };
	uint64_t ended = 0, answered = 0;

	for (int i = 0; i < WORKERS; i++)
		totals_add(&f, &w.shards[i]->stats);
	for (int i = 0; i < CLOSE_REASONS; i++)
		ended += f.ended[i];
	for (int i = 0; i <= BOUNDS; i++)
		answered += f.answered.n[i];
	if (f.n[STAT_OPENED] != f.n[STAT_CLOSED] || f.n[STAT_CLOSED] != ended ||
	    f.n[STAT_RAW] != f.n[STAT_RAW_CLOSED])
		fail("%llu connections were opened, %llu closed, %llu for a reason; %llu were raw, "
		     "%llu of them are gone",
		     (unsigned long long)f.n[STAT_OPENED], (unsigned long long)f.n[STAT_CLOSED],
		     (unsigned long long)ended, (unsigned long long)f.n[STAT_RAW],
		     (unsigned long long)f.n[STAT_RAW_CLOSED]);
	if (f.n[STAT_ASKED] != answered + f.n[STAT_ABANDONED] || f.n[STAT_TURNS])
		fail("%llu requests, %llu answers, %llu without one, %llu turns",
		     (unsigned long long)f.n[STAT_ASKED], (unsigned long long)answered,
		     (unsigned long long)f.n[STAT_ABANDONED], (unsigned long long)f.n[STAT_TURNS]);
	if (answered > f.n[STAT_EXCHANGES])
		fail("%llu exchanges were answered, and %llu took some time",
		     (unsigned long long)f.n[STAT_EXCHANGES], (unsigned long long)answered);
}

/* Removes all rules and closes all peers: nothing may be left. */
static void world_end(void)
{
	struct mirror_rules none = { 0 };
	struct spec *calm = toy_spec(&none);

	for (int i = 0; i < WORKERS; i++)
		shard_change(w.shards[i], calm);
	spec_unref(calm);
	for (struct peer *p = w.peers; p < w.peers + PEERS; p++)
		if (p->used)
			peer_free(p);
	for (int i = 0; i < 8; i++) {
		rest();
		virtual_now += 3 * VN_S;
	}
	rest();
	for (int i = 0; i < WORKERS; i++) {
		if (w.shards[i]->conns)
			fail("connection %llu is still there when all have left",
			     (unsigned long long)w.shards[i]->conns->number);
		if (w.workers[i].held)
			fail("worker %d still counts %zu held bytes", i, w.workers[i].held);
	}
	figures_check();
	for (int i = 0; i < WORKERS; i++)
		worker_end(&w.workers[i]);
	for (int i = 0; i < WORKERS; i++)
		worker_free(&w.workers[i]);
	close(w.back);
	spec_unref(w.spec);
	spec_unref(w.legs);
	for (unsigned i = 0; i < all_rules_n && i < 4096; i++)
		free(all_rules[i]);
}

static void step(void)
{
	struct peer *p = &w.peers[pick(PEERS)];
	uint64_t what = pick(100);

	if (what < 10)
		step_open();
	else if (what < 20)
		step_change();
	else if (what < 40)
		step_time();
	else if (!p->used)
		return;
	else if (what < 65)
		step_ask(p);
	else if (what < 95)
		step_answer(p);
	else if (what < 97)
		step_leave(p);
	else if (what < 98)
		step_reset(p);
	else if (p->mirror.over)
		peer_free(p);
}

static bool story(uint64_t seed, size_t bufsize, size_t splice_from, unsigned steps)
{
	world_begin(seed, bufsize, splice_from);
	for (w.step = 1; w.step <= steps && !w.failed; w.step++) {
		step();
		compare_all();
	}
	uint64_t at = w.step;
	char what[sizeof w.what];
	bool failed = w.failed;
	strcpy(what, w.what);
	if (failed)
		printf("model: seed %llu, step %llu: %s\n", (unsigned long long)seed,
		       (unsigned long long)at - 1, what);
	w.failed = NULL;
	world_end();
	if (w.failed)
		printf("model: seed %llu, the end: %s\n", (unsigned long long)seed, w.failed);
	return !failed && !w.failed;
}

/* With the CA that was made there. */
static void folder_remove(const char *folder)
{
	char path[64];

	snprintf(path, sizeof path, "%s/ca.key", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/ca.pem", folder);
	unlink(path);
	rmdir(folder);
}

int main(int argc, char **argv)
{
	static const struct option flags[] = {
		{ "seeds", 1, NULL, 's' },   { "bufsize", 1, NULL, 'b' },
		{ "steps", 1, NULL, 'n' },   { "verbose", 0, NULL, 'v' },
		{ "threads", 0, NULL, 't' }, { "splice-from", 1, NULL, 'f' },
		{ "bulk", 1, NULL, 'm' },    { "tls", 0, NULL, 'e' },
		{ 0 }
	};
	unsigned long long first = 1, last = 40, steps = 400, bufsize = 1 << 18,
			   splice_from = 1 << 17, bulk = 0;
	unsigned passed = 0, failed = 0;
	bool threads = false;
	char folder[] = "/tmp/vaurien-model-XXXXXX";

	signal(SIGPIPE, SIG_IGN);       /* as the program does: splice() has no flag for it */
	for (int c; (c = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
		if (c == 's' && sscanf(optarg, "%llu-%llu", &first, &last) < 2)
			last = first;
		else if (c == 'b')
			bufsize = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			steps = strtoull(optarg, NULL, 10);
		else if (c == 'v')
			w.verbose = true;
		else if (c == 'e')
			w.tls = true;
		else if (c == 't')
			threads = true;
		else if (c == 'f')
			splice_from = strtoull(optarg, NULL, 10);
		else if (c == 'm')
			bulk = strtoull(optarg, NULL, 10);
		else if (c == '?')
			return 2;
	}
	if (w.tls)
		tls_identity_place(mkdtemp(folder));
	if (!w.verbose)
		log_open("/dev/null");
	else
		log_threshold = LOG_DEBUG;
	for (unsigned long long seed = first; seed <= last; seed++)
		*((bulk    ? bulk_story(seed, bulk << 20) :
		   threads ? threads_story(seed) :
		             story(seed, bufsize, splice_from, (unsigned)steps)) ?
		          &passed :
		          &failed) += 1;
	if (w.tls)
		folder_remove(folder);
	printf("model: %u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
