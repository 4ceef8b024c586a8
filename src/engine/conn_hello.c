/* conn_hello.c - what rules do to TLS of the client leg: a connection asks them, and obeys. */
#include "engine/conn_hello.h"

#include <stdio.h>

#include "engine/conn_rules.h"
#include "engine/hello_fault.h"
#include "engine/transport.h"

/* Of draws and events: a handshake is no exchange. */
#define NO_EXCHANGE UINT64_MAX

/* ---- judging ---- */

/* As a match finds it: "HELLO name alpn". */
static struct vn_message hello_message(const struct vn_hello *h, char *text, size_t size)
{
	int n = snprintf(text, size, "%s %s", *h->name ? h->name : "-", *h->alpn ? h->alpn : "-");
	size_t length = n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;

	return (struct vn_message){ .verb = "HELLO", .role = VN_TELLS,
	                            .subject = { (const uint8_t *)text, length } };
}

static void hello_fire(struct timer *t)
{
	conn_later(OWNER(hello_fault, timer, t)->conn);
}

void conn_judge_hello(struct conn *c, const struct vn_hello *h, struct vn_tls *tls)
{
	struct plan *p = c->plan;
	ruleset among = plan_on(p, VN_ON_HELLO) & c->ruled->meant;
	char text[600];
	struct vn_message msg = hello_message(h, text, sizeof text);
	struct judgement j;

	c->tls_known = true;
	if (!among)
		return;
	struct question draw = { .moment = VN_ON_HELLO, .connection = c->number,
	                         .exchange = NO_EXCHANGE, .msg = &msg,
	                         .now = conn_loop(c)->now };
	struct rule_flags flags = { .in = plan_decide(p, among, &draw) };
	struct question q = { .moment = VN_ON_HELLO, .direction = VN_BOTH, .msg = &msg,
	                      .flags = &flags, .hello = h };
	if (!flags.in || !conn_judge(c, &q, &j))
		return;
	hello_fault_free(conn_loop(c), &c->ruled->hello);
	c->ruled->hello = hello_fault_make(c, &j, hello_fire);
	*tls = j.tls;
}

/* It was counted as struck when it met the connection, and now strikes nothing. */
static void upgrade_missed(struct conn *c)
{
	struct hello_fault *f = c->ruled->upgrade;
	ruleset missed = c->plan->at_upgrade & c->ruled->whole.struck;

	if (!f || f->tls.refused)       /* a refusal is told to those who do not ask, too */
		return;
	plan_unstrike(c->plan, missed);
	c->ruled->whole.struck &= ~missed;
	hello_fault_free(conn_loop(c), &c->ruled->upgrade);
	struct question q = { .moment = VN_ON_OPEN, .connection = c->number,
	                      .exchange = NO_EXCHANGE, .now = conn_loop(c)->now };
	plan_unreachable(c->plan, missed, &q);
}

void conn_hello_plain(struct conn *c)
{
	if (c->tls_known || !(c->tls & VN_TLS_CLIENT_MAY))
		return;
	c->tls_known = true;
	struct question q = { .moment = VN_ON_HELLO, .connection = c->number,
	                      .exchange = NO_EXCHANGE, .now = conn_loop(c)->now };

	plan_unreachable(c->plan, c->ruled->meant, &q);
	upgrade_missed(c);
}

/* ---- obeying ---- */

/* Is it still late? Its timer runs then. */
static bool fault_is_late(struct conn *c, struct hello_fault *f)
{
	vn_nsec all = hello_fault_late(f), now = conn_loop(c)->now;

	if (!f->since)
		f->since = now;
	if (all == VN_NEVER)
		return true;
	timer_set(conn_loop(c), &f->timer, f->since + all > now ? f->since + all : VN_NEVER);
	return f->since + all > now;
}

bool conn_upgrade_may(struct conn *c)
{
	struct hello_fault *f = c->ruled->upgrade;

	c->tls_known = true;
	if (!f)
		return true;
	if (f->tls.late && fault_is_late(c, f))
		return false;
	f->tls.late = VN_TLS_AT_NONE;
	if (f->tls.breaks)
		conn_doom_by_rule(c, f->tls.end);
	return !f->tls.breaks && !f->tls.stall;
}

/* What the strike does not hold back any more is sent. */
static void client_flush(struct conn *c)
{
	struct side *s = &c->client;

	if (!s->tls)
		return;
	if (tls_link_flush(s->tls) == TLS_RESET)
		s->broken = true;
	s->writable = true;
	transport_account(c, s);
	conn_later(c);
}

void conn_hello_run(struct conn *c)
{
	struct hello_fault *f = c->ruled->hello;
	struct tls_strike *s = tls_link_strike(c->client.tls);
	enum vn_end end;

	if (!f || !s)
		return;
	if (tls_strike_waits(s, TLS_LATE) && !fault_is_late(c, f)) {
		tls_strike_drop(s, TLS_LATE);
		client_flush(c);
	}
	end = f->broken ? VN_STAY : tls_strike_end(s);
	f->broken |= end != VN_STAY;
	if (end != VN_STAY)
		conn_doom_by_rule(c, end);
}

bool conn_hello_holds(const struct conn *c)
{
	const struct tls_strike *s = tls_link_strike(c->client.tls);

	return (c->ruled->upgrade && !s) ||
	       (s && (tls_strike_waits(s, TLS_STALL) || tls_strike_waits(s, TLS_LATE)));
}

/* ---- other rules ---- */

/* The parts of rules that are gone; or a NULL plan: all. Returns bits of enum tls_part. */
static unsigned fault_remove(struct hello_fault *f, const struct plan *to)
{
	unsigned gone = 0, kept = 0;

	for (unsigned i = 0; i < f->n; i++)
		if (plan_find(to, f->late[i].rule) >= 0)
			f->late[kept++] = f->late[i];
	f->n = kept;
	for (unsigned part = 0; part < TLS_PARTS; part++) {
		bool all_gone = part == TLS_LATE ? !kept : plan_find(to, f->rule[part]) < 0;

		if (!f->rule[part] || !all_gone)
			continue;
		f->rule[part] = 0;
		gone |= 1u << part;
	}
	return gone;
}

static void upgrade_change(struct conn *c, const struct plan *to)
{
	struct hello_fault *f = c->ruled->upgrade;
	unsigned gone = fault_remove(f, to);

	if (gone & 1u << TLS_STALL)
		f->tls.stall = VN_TLS_AT_NONE;
	if (gone & 1u << TLS_BREAK)
		f->tls.breaks = VN_TLS_AT_NONE;
	if (gone & 1u << TLS_LATE)
		f->tls.late = VN_TLS_AT_NONE;
	if (gone & 1u << TLS_REFUSE)
		c->tls &= ~(unsigned)VN_TLS_CLIENT_NEVER;
}

void conn_hello_change(struct conn *c, const struct plan *to)
{
	struct tls_strike *s = tls_link_strike(c->client.tls);
	unsigned gone;

	if (c->ruled->upgrade)
		upgrade_change(c, to);
	if (!c->ruled->hello)
		return;
	gone = fault_remove(c->ruled->hello, to);
	for (unsigned part = 0; s && part < TLS_PARTS; part++)
		if (gone & 1u << part)
			tls_strike_drop(s, (enum tls_part)part);
	if (gone && s)
		client_flush(c);
}
