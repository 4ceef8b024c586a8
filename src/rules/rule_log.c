/* rule_log.c - reports of what rules did or could not do: log lines and events of the journal. */
#include "rules/rule_log.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mask.h"
#include "rules/verdict.h"

enum {
	LOOKS = 64,                     /* misses compared with the nearest; then one of 64 */
	HELLO_SHOWN = 200,              /* bytes of one that was missed */
	UNASKED_BIT = 63,               /* bit of UNASKED: numbers of unsolicited exchanges */
};

#define REPORT_AFTER (10 * VN_S)         /* of messages, until a rule without strikes is reported */

static uint64_t count_of(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* ---- a message as text ---- */

void rule_text_make(struct rule_text *t, const struct vn_message *m)
{
	size_t verb = strlen(m->verb), room = sizeof t->p - verb - 1;
	/* Comments at its start are left out, so that a match finds the statement. */
	size_t lead = m->lead < m->subject.n ? m->lead : m->subject.n;
	size_t n = m->subject.n - lead < 16384 ? m->subject.n - lead : 16384;

	if (n > room)
		n = room;
	memcpy(t->p, m->verb, verb);
	t->p[verb] = ' ';
	if (n)
		memcpy(t->p + verb + 1, m->subject.p + lead, n);
	t->n = verb + (n ? 1 + n : 0);
}

void rule_text_mask(struct vn_span text, char *to, size_t size)
{
	struct mask m = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < text.n && n + 1 < size && n < 80; i++) {
		char c = mask_next(&m, text.p[i], i + 1 < text.n ? text.p[i + 1] : 0);
		if (c)
			to[n++] = c;
	}
	to[n] = 0;
}

/* ---- strikes ---- */

static void journal_strike(enum journal_type type, const char *proxy, const struct rule *r,
                           const struct question *q, const char *verdict)
{
	static const char *const moments[MOMENTS] = { "open", "request", "response", "data",
		                                      "rest", "end",     "leave",    "listen",
		                              "hello" };
	const uint64_t unasked = 1ull << UNASKED_BIT;
	struct journal_entry n;

	journal_begin(&n, type, q->now, proxy);
	journal_count(&n, "connection", q->connection);
	journal_count(&n, q->exchange & unasked ? "push" : "exchange", q->exchange & ~unasked);
	if (q->moment)
		journal_text(&n, "moment", moments[__builtin_ctz(q->moment)]);
	if (q->msg)
		journal_text(&n, "verb", q->msg->verb);
	journal_text(&n, "rule", r->spec->name);
	journal_text(&n, "behavior", r->behavior->name);
	journal_text(&n, type == JOURNAL_FAULT ? "verdict" : "why", verdict);
	journal_write(&n);
}

void rule_log_unreachable(const char *proxy, struct rule *r, const struct question *q,
                          enum unreachable reason, const char *limit)
{
	static const char *const reasons[] = {
		[UNREACHABLE_RAW] =
			"the connection is raw, its messages cannot be matched or answered",
		[UNREACHABLE_NO_FAILURES] = "the protocol has no error replies",
		[UNREACHABLE_UNKNOWN] =
			"the effect of this message is not known, so a failure that depends on "
			"it does not apply",
		[UNREACHABLE_PLAIN] = "the client does not use TLS",
		[UNREACHABLE_NO_ALPN] = "the client offers no ALPN, so no answer to it can be "
		                        "chosen",
		[UNREACHABLE_MATCH] = "its match takes too long for this message and gave up",
	};
	const char *why = limit ? limit : reasons[reason];

	atomic_fetch_add_explicit(&r->spec->counters->unreachable, 1, memory_order_relaxed);
	if (journal_wants(JOURNAL_UNREACHABLE))
		journal_strike(JOURNAL_UNREACHABLE, proxy, r, q, why);
	if (r->said_unreachable & 1u << reason)
		return;
	r->said_unreachable |= 1u << reason;
	log_warning("unreachable proxy=%s connection=%llu rule=%s behavior=%s: %s", proxy,
	            (unsigned long long)q->connection, r->spec->name, r->behavior->name, why);
}

/* Logs at most one line a second for each rule; at level debug every strike. */
static void strike_line(const char *proxy, struct rule *r, const struct question *q,
                        const char *verdict, bool first)
{
	bool each = log_threshold <= LOG_DEBUG;

	if (!each) {
		if (!first)
			return;
		r->unsaid++;
		if (r->said && q->now - r->said < VN_S)
			return;
	}
	log_line(each ? LOG_DEBUG : LOG_INFO,
	         "strike proxy=%s connection=%llu exchange=%llu verb=%s rule=%s behavior=%s "
	         "verdict=%s strikes=%llu",
	         proxy, (unsigned long long)q->connection, (unsigned long long)q->exchange,
	         q->msg && *q->msg->verb ? q->msg->verb : "-", r->spec->name, r->behavior->name,
	         verdict, (unsigned long long)(r->unsaid ? r->unsaid : 1));
	r->said = q->now;
	r->unsaid = 0;
}

void rule_log_strike(const char *proxy, struct rule *r, const struct question *q,
                     const struct vn_verdict *v, const struct vn_failure *f, bool first)
{
	bool event = first && journal_wants(JOURNAL_FAULT);
	bool line = log_threshold <= LOG_DEBUG ||
	            (first && !(r->said && q->now - r->said < VN_S));
	char verdict[160] = "";

	if (event || line)
		verdict_show(v, f, verdict, sizeof verdict);
	strike_line(proxy, r, q, verdict, first);
	if (event)
		journal_strike(JOURNAL_FAULT, proxy, r, q, verdict);
}

/* ---- misses ---- */

static void journal_misses(const char *proxy, const struct rule *r, const struct misses *m,
                           const char *what, const char *why)
{
	char none[80];
	struct journal_entry n;

	snprintf(none, sizeof none, "none of which %s", why);
	journal_begin(&n, JOURNAL_MISSED, clock_monotonic(), proxy);
	journal_text(&n, "what", what);
	journal_text(&n, "rule", r->spec->name);
	journal_text(&n, "behavior", r->behavior->name);
	journal_count(&n, *m->nearest ? "messages" : "connections", m->n);
	journal_text(&n, "why", none);
	if (*m->nearest)
		journal_text(&n, "nearest", m->nearest);
	if (m->near)
		journal_text(&n, "but_for", "upper and lower case");
	journal_write(&n);
}

static void misses_report(const char *proxy, struct rule *r, struct misses *m, const char *what,
                          const char *why)
{
	if (m->over || !m->n || count_of(&r->spec->counters->hits))
		return;
	m->over = true;
	if (journal_wants(JOURNAL_MISSED))
		journal_misses(proxy, r, m, what, why);
	bool messages = *m->nearest;
	log_info("%s proxy=%s rule=%s behavior=%s: %llu %s, none of which %s%s%s%s", what, proxy,
	         r->spec->name, r->behavior->name, (unsigned long long)m->n,
	         messages ? "messages" : "connections", why, messages ? "; nearest" : "",
	         m->near  ? " (but for upper and lower case): " :
	         messages ? ": " :
	                    "",
	         m->nearest);
}

void rule_log_misses(const char *proxy, struct rule *r)
{
	const struct rule_counters *t = r->spec->counters;
	bool skipped = count_of(&t->count), unreachable = count_of(&t->unreachable);

	if (!count_of(&t->seen))
		misses_report(proxy, r, &r->unfound, "no match",
		              !r->spec->kinds ? "its match finds" :
		              r->match        ? "its match and its kind find" :
		                                "is of its kind");
	misses_report(proxy, r, &r->unfit, "no strike", "its failure fits");
	if (!r->unfit.n && !unreachable)
		misses_report(proxy, r, &r->spared, "no strike",
		              skipped ? "comes after those that it skips" : "it does anything to");
}

/* Counts a miss. `t` becomes the nearest message; NULL: the nearest stays as it is. */
static void misses_add(const char *proxy, struct rule *r, struct misses *m,
                       const struct rule_text *t, vn_nsec now)
{
	if (!m->n++)
		m->since = now;
	if (t)
		rule_text_mask((struct vn_span){ t->p, t->n }, m->nearest, sizeof m->nearest);
	if (now - m->since > REPORT_AFTER)
		rule_log_misses(proxy, r);
}

/* Handshakes are rare: their user does not wait for the report of many messages. A hello has no
 * secrets, and a match has to find its digits. */
static void unfound_hello(const char *proxy, const struct rule *r, const struct question *q,
                          const struct rule_text *t)
{
	log_info("missed proxy=%s connection=%llu rule=%s behavior=%s: its match does not find "
	         "'%.*s'",
	         proxy, (unsigned long long)q->connection, r->spec->name, r->behavior->name,
	         t->n < HELLO_SHOWN ? (int)t->n : HELLO_SHOWN, t->p);
}

void rule_log_unfound(const char *proxy, struct rule *r, const struct question *q,
                      const struct rule_text *t)
{
	struct misses *m = &r->unfound;
	struct vn_span text = { (uint8_t *)t->p, t->n };
	bool looks = m->n < LOOKS || m->n % LOOKS == 0;
	bool near = looks && r->match && regex_match_icase(r->match, text) == REGEX_YES;
	bool shown = looks && (near || !m->near);

	m->near |= near;
	if (!m->n && q->moment == VN_ON_HELLO)
		unfound_hello(proxy, r, q, t);
	misses_add(proxy, r, m, shown ? t : NULL, q->now);
}

void rule_log_unfit(const char *proxy, struct rule *r, const struct question *q)
{
	struct misses *m = &r->unfit;
	struct rule_text text;

	if (m->over || !q->msg)
		return;
	if (!m->n)
		rule_text_make(&text, q->msg);
	misses_add(proxy, r, m, m->n ? NULL : &text, q->now);
}

void rule_log_in(const char *proxy, struct rule *r, const struct question *q, struct rule_text *t)
{
	struct misses *m = &r->spared;

	if (m->over || (m->over = count_of(&r->spec->counters->hits)))
		return;
	if (!q->msg) {
		/* Connections are reported when the rule goes: messages may still come. */
		m->n += r->spec->per_connection && r->behavior->on;
		return;
	}
	if (!m->n && !t->n)
		rule_text_make(t, q->msg);
	misses_add(proxy, r, m, m->n ? NULL : t, q->now);
}
