/* tls.c - fuzz test of the client leg: ClientHellos, records, and the faults of TLS.
 *
 *   input:   RULE PLACE NTH HOW RECORD...       what rules do; HOW 1: an honest client shakes first
 *   record:  0 n:2 BYTES             the peer sends BYTES as they are
 *            1 n:2                   the honest client sends n bytes in TLS
 *            2 n:2                   we send n bytes in TLS
 *            3 P                     the part P of the rule is gone
 *            4                       we send close_notify
 *            5                       the peer ends its stream
 *
 * The test passes if nothing crashes, leaks, or goes round for ever. A seed: 0 0 0 0, 0 n:2,
 * and the bytes of a ClientHello. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "own_ca.h"
#include "spec/registry.h"
#include "spec/spec.h"
#include "tls/flaw.h"
#include "tls/legs.h"
#include "tls/link.h"
#include "tls/strike.h"

struct input { const uint8_t *p; size_t n; };

static struct tls_wire *wire;
static struct spec *spec;
static SSL_CTX *client_context;
static const uint8_t *rule;             /* RULE PLACE NTH */

struct run {
	struct tls_link *link;
	int ours, theirs;               /* a pair of sockets */
	SSL *client;                    /* honest; NULL: none */
	bool done, over;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what the rules do ---- */

static enum tls_answer judge(void *whom, const struct vn_hello *h, struct vn_tls *t,
                             const char **alpn)
{
	static const char *const spoils[] = { "mac", "length", "type" };
	unsigned flaws = 0, n = rule[2];
	enum vn_tls_place at = (enum vn_tls_place)(rule[1] % (VN_TLS_AT_FINISHED + 1));

	while (tls_flaw_names[flaws])
		flaws++;
	switch (rule[0] % 12) {
	case 1: t->stall = at; break;
	case 2: t->late = at; t->hold = 1; break;
	case 3: t->breaks = at; t->end = n & 1 ? VN_RESET : VN_CLOSE; break;
	case 4: t->truncate = true; t->after = n; break;
	case 5:
		t->corrupt = spoils[n % 3];
		t->nth = 1 + n / 3 % 4;
		t->corrupted = n & 64 ? VN_REQUEST : VN_RESPONSE;
		break;
	case 6: t->plain = true; break;
	case 7: t->alert = "internal_error"; break;
	case 8: t->flaw = tls_flaw_names[n % flaws]; break;
	case 9: t->only = 0x0301 + n % 4; break;
	case 10: t->ciphers = n & 1 ? "" : "AES128-SHA256"; break;
	case 11: t->forget = t->demand = true; t->stall = at; break;
	default: break;
	}
	return n == 255 && !t->late ? TLS_ANSWER_LATER : TLS_ANSWER;
}

/* ---- both ends ---- */

static void client_goes_on(struct run *r)
{
	uint8_t bytes[4096];

	ERR_clear_error();
	if (!r->client) {
		while (recv(r->theirs, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			;
		return;
	}
	if (SSL_in_init(r->client))
		SSL_do_handshake(r->client);
	else
		while (SSL_read(r->client, bytes, sizeof bytes) > 0)
			;
}

static void serve(struct run *r)
{
	uint8_t bytes[4096];
	size_t n;
	enum tls_did did = TLS_DONE;
	struct tls_strike *strike;

	if (r->over)
		return;
	if (tls_link_stuck(r->link))
		did = tls_link_flush(r->link);
	if (did == TLS_DONE && !r->done) {
		did = tls_link_handshake(r->link);
		r->done = did == TLS_DONE;
	}
	while (did == TLS_DONE && r->done)
		did = tls_link_read(r->link, bytes, sizeof bytes, &n);
	strike = tls_link_strike(r->link);
	r->over = did != TLS_AGAIN && did != TLS_WAITS;
	if (strike && tls_strike_end(strike) != VN_STAY)
		r->over = true;
}

static void both(struct run *r, int times)
{
	while (times--) {
		client_goes_on(r);
		serve(r);
	}
}

/* ---- records of the input ---- */

static uint8_t byte_take(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

static void they_send(struct run *r, struct input *in, size_t n)
{
	if (n > in->n)
		n = in->n;
	if (n)
		send(r->theirs, in->p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	in->p += n;
	in->n -= n;
}

static void record_do(struct run *r, struct input *in)
{
	static uint8_t plain[65536];
	uint8_t what = byte_take(in) % 6;
	size_t n = 0;

	if (what < 3) {
		n = byte_take(in);
		n |= (size_t)byte_take(in) << 8;
	}
	if (what == 0)
		they_send(r, in, n);
	else if (what == 1 && n && r->client && !SSL_in_init(r->client))
		SSL_write(r->client, plain, (int)n);
	else if (what == 2 && n && r->done && !r->over && !tls_link_stuck(r->link))
		r->over = tls_link_write(r->link, plain, n) != TLS_DONE;
	else if (what == 3 && tls_link_strike(r->link))
		tls_strike_drop(tls_link_strike(r->link), byte_take(in) % TLS_PARTS);
	else if (what == 4 && r->done && !r->over)
		tls_link_bye(r->link);
	else if (what == 5)
		shutdown(r->theirs, SHUT_WR);
}

static void begin(void)
{
	char error[ERROR_MAX] = "", why[200];
	json_t *on = json_string("on");

	signal(SIGPIPE, SIG_IGN);
	own_ca_make();
	spec = spec_make("tls");
	if (!address_parse(&spec->listen, "127.0.0.1:7000", why, sizeof why) ||
	    !address_parse(&spec->backend, "127.0.0.1:80", why, sizeof why) ||
	    !(spec->protocol = protocol_find("http")) ||
	    !tls_values_set(&spec->tls, opt_find(tls_options, "client_tls"), on, error) ||
	    !tls_legs_make(spec, error)) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	json_decref(on);
	wire = tls_wire_create(16384);
	client_context = SSL_CTX_new(TLS_client_method());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct run r = { .over = false };
	int pair[2];

	if (!wire)
		begin();
	if (size < 4 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		return 0;
	rule = data;
	r.ours = pair[0];
	r.theirs = pair[1];
	r.link = tls_link_accept(wire, r.ours, spec, judge, NULL);
	in.p += 4;
	in.n -= 4;
	if (data[3] & 1) {
		r.client = SSL_new(client_context);
		SSL_set_fd(r.client, r.theirs);
		SSL_set_max_proto_version(r.client, data[3] & 2 ? TLS1_2_VERSION : 0);
		SSL_set_tlsext_host_name(r.client, "localhost");
		SSL_set_connect_state(r.client);
		both(&r, 4);
	}
	while (in.n) {
		record_do(&r, &in);
		both(&r, 1);
	}
	both(&r, 2);
	SSL_free(r.client);
	tls_link_free(r.link);
	close(r.ours);
	close(r.theirs);
	return 0;
}
