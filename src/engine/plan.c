/* plan.c - a proxy's rules worked out: who is meant, what the dice say, who counts, how verdicts add up. */
#include "engine/plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "engine/journal.h"
#include "base/regex.h"
#include "spec/registry.h"

static unsigned moment_index(enum vn_moment m)
{
	return (unsigned)__builtin_ctz(m);
}

#define EACH_RULE(i, set) (ruleset rest_ = (set), one_; (one_ = rest_ & -rest_) && ((i) = (unsigned)__builtin_ctzll(rest_), true); rest_ ^= one_)

/* ---- a plan's life ---- */

static void rule_make(struct plan *p, unsigned i, uint64_t seed)
{
	const struct rule_spec *w = &p->spec->rules[i];
	struct rule *r = &p->rules[i];
	ruleset bit = (ruleset)1 << i;

	*r = (struct rule){ .spec = w, .behavior = w->behavior };
	r->dice = dice_make(seed, p->spec->name, w->name);
	r->draw = r->dice;
	const char *match = w->fields.opts ? ((const struct rule_fields *)w->fields.opts)->match : NULL;
	if (match)
		r->match = regex_make(match);
	p->by_client |= w->client.family != 0;
	p->moments |= w->behavior->on;
	if (w->per_connection)
		p->per_connection |= bit;
	if (match)
		p->picky |= bit;
	else if (w->low <= 0 && w->high >= 1)
		p->certain |= bit;
	for (unsigned m = 0; m < MOMENTS; m++)
		if (w->behavior->on & 1u << m)
			p->on[m] |= bit;
}

struct plan *plan_make(struct spec *spec, uint64_t seed)
{
	assert(spec->n_rules <= RULES_MAX);
	struct plan *p = xcalloc(1, sizeof *p + spec->n_rules * sizeof *p->rules);
	p->refs = 1;
	p->spec = spec_ref(spec);
	p->n = spec->n_rules;
	for (unsigned i = 0; i < p->n; i++)
		rule_make(p, i, seed);
	return p;
}

struct plan *plan_ref(struct plan *p)
{
	p->refs++;
	return p;
}

/* The same for programs. */
static void tell_misses(const struct plan *p, const struct rule *r, const struct misses *m, const char *what, const char *why)
{
	char none[80];
	struct journal_entry n;

	snprintf(none, sizeof none, "none of which %s", why);
	journal_begin(&n, JOURNAL_MISSED, clock_monotonic(), p->spec->name);
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

/* A rule that finds nothing to strike should say so, and what came nearest. */
static void misses_say(struct plan *p, struct rule *r, struct misses *m, const char *what, const char *why)
{
	if (m->over || !m->n || atomic_load_explicit(&r->spec->counters->hits, memory_order_relaxed))
		return;
	m->over = true;
	if (journal_wants(JOURNAL_MISSED))
		tell_misses(p, r, m, what, why);
	bool messages = *m->nearest;
	log_info("%s proxy=%s rule=%s behavior=%s: %llu %s, none of which %s%s%s%s", what, p->spec->name, r->spec->name, r->behavior->name,
	         (unsigned long long)m->n, messages ? "messages" : "connections", why, messages ? "; nearest" : "",
	         m->near ? " (but for upper and lower case): " : messages ? ": " : "", m->nearest);
}

static void rule_misses_say(struct plan *p, struct rule *r)
{
	const struct rule_counters *t = r->spec->counters;
	bool skipped = atomic_load_explicit(&t->count, memory_order_relaxed);
	bool unreachable = atomic_load_explicit(&t->unreachable, memory_order_relaxed);

	if (!atomic_load_explicit(&t->seen, memory_order_relaxed))
		misses_say(p, r, &r->unfound, "no match", "its match finds");
	misses_say(p, r, &r->unfit, "no strike", "its failure fits");
	if (!r->unfit.n && !unreachable)
		misses_say(p, r, &r->spared, "no strike", skipped ? "comes after those that it skips" : "it does anything to");
}

void plan_unref(struct plan *p)
{
	if (!p || --p->refs)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		if (atomic_load_explicit(&p->rules[i].spec->counters->refs, memory_order_relaxed) > 1)
			p->rules[i].spared.over = true;         /* it stays, and may strike yet */
		rule_misses_say(p, &p->rules[i]);
		regex_free(p->rules[i].match);
	}
	spec_unref(p->spec);
	free(p);
}

int plan_find(const struct plan *p, uint64_t id)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->rules[i].spec->id == id)
			return (int)i;
	return -1;
}

int plan_heir(const struct plan *p, const struct rule_spec *of)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->rules[i].spec->origin == of->origin)
			return (int)i;
	return -1;
}

ruleset plan_on(const struct plan *p, unsigned moments)
{
	ruleset set = 0;

	for (unsigned m = 0; m < MOMENTS; m++)
		if (moments & 1u << m)
			set |= p->on[m];
	return set;
}

/* ---- deciding ---- */

enum {
	TEXT_MAX = 16384,               /* of a subject, that a match looks at */
	LOOKS = 64,                     /* so many misses are looked at for how near they are; then each of so many */
};

/* The same for programs: once for each exchange that a rule strikes, or cannot. */
static void tell_strike(enum journal_type type, const struct plan *p, const struct rule *r, const struct question *q, const char *verdict)
{
	static const char *const moments[MOMENTS] = { "open", "request", "response", "data", "rest", "end", "leave", "listen" };
	const uint64_t unasked = 1ull << 63;
	struct journal_entry n;

	journal_begin(&n, type, q->now, p->spec->name);
	journal_count(&n, "connection", q->connection);
	journal_count(&n, q->exchange & unasked ? "push" : "exchange", q->exchange & ~unasked);
	if (q->moment)
		journal_text(&n, "moment", moments[moment_index(q->moment)]);
	if (q->msg)
		journal_text(&n, "verb", q->msg->verb);
	journal_text(&n, "rule", r->spec->name);
	journal_text(&n, "behavior", r->behavior->name);
	journal_text(&n, type == JOURNAL_FAULT ? "verdict" : "why", verdict);
	journal_write(&n);
}

static void say_unreachable(struct plan *p, struct rule *r, const struct question *q)
{
	const char *why = q->raw ? "the connection is raw, there are no messages in it to find or to answer" : "the protocol has no words to refuse with";

	atomic_fetch_add_explicit(&r->spec->counters->unreachable, 1, memory_order_relaxed);
	if (journal_wants(JOURNAL_UNREACHABLE))
		tell_strike(JOURNAL_UNREACHABLE, p, r, q, why);
	if (r->said_unreachable)
		return;
	r->said_unreachable = true;
	log_warning("unreachable proxy=%s connection=%llu rule=%s behavior=%s: %s", p->spec->name, (unsigned long long)q->connection,
	            r->spec->name, r->behavior->name, why);
}

/* "VERB subject", for the rules that match on it. */
struct text { uint8_t p[24 + 1 + TEXT_MAX]; size_t n; };

static void text_make(struct text *t, const struct vn_message *m)
{
	size_t verb = strlen(m->verb), n = m->subject.n < TEXT_MAX ? m->subject.n : TEXT_MAX;

	memcpy(t->p, m->verb, verb);
	t->p[verb] = ' ';
	if (n)
		memcpy(t->p + verb + 1, m->subject.p, n);
	t->n = verb + (n ? 1 + n : 0);
}

/* Which quote is open behind this byte: its own byte, 0 for none, or OPEN for one of which nobody here knows where
 * it ends. Dialects differ in what a backslash means in a string, and $tag$ opens one in some. */
static int quote_next(int quote, uint8_t c, uint8_t after)
{
	enum { OPEN = 256 };

	if (quote)
		return c == quote ? 0 : c == '\\' ? OPEN : quote;
	if (c == '$' && !(after >= '0' && after <= '9'))
		return OPEN;
	return c == '\'' || c == '"' ? c : 0;
}

/* What is shown of a message: its beginning, numbers and quoted strings masked. */
static void text_mask(const struct text *t, char *to, size_t size)
{
	int quote = 0;
	size_t n = 0;

	for (size_t i = 0; i < t->n && n + 1 < size && n < 80; i++) {
		uint8_t c = t->p[i];
		bool mask = quote ? c != quote : c >= '0' && c <= '9';
		quote = quote_next(quote, c, i + 1 < t->n ? t->p[i + 1] : 0);
		if (mask && n && to[n - 1] == '?')
			continue;
		to[n++] = mask ? '?' : c < 32 || c > 126 ? ' ' : (char)c;
	}
	to[n] = 0;
}

/* One more; after ten seconds of them it is said. */
static void rule_misses(struct plan *p, struct rule *r, struct misses *m, bool shown, bool near, const struct text *t, vn_nsec now)
{
	if (!m->n++)
		m->since = now;
	if (shown)
		text_mask(t, m->nearest, sizeof m->nearest);
	m->near |= near;
	if (now - m->since > 10 * VN_S)
		rule_misses_say(p, r);
}

/* It is in for this one, a message or a connection; whether it will strike it is not known yet. */
static void rule_spares(struct plan *p, struct rule *r, const struct question *q, struct text *t)
{
	struct misses *m = &r->spared;

	if (m->over)
		return;
	if ((m->over = atomic_load_explicit(&r->spec->counters->hits, memory_order_relaxed)))
		return;
	if (!q->msg) {
		m->n += r->spec->per_connection && r->behavior->on;    /* told when the rule goes: something may come yet */
		return;
	}
	if (!m->n && !t->n)
		text_make(t, q->msg);
	rule_misses(p, r, m, !m->n, false, t, q->now);
}

/* Does its match find this message? The text is made once for all that ask. */
static bool rule_finds(struct plan *p, struct rule *r, const struct question *q, struct text *t)
{
	if (!r->match)
		return true;
	if (q->raw) {
		say_unreachable(p, r, q);
		return false;
	}
	if (!q->msg)
		return false;
	if (!t->n)
		text_make(t, q->msg);
	if (regex_match(r->match, (struct vn_span){ t->p, t->n }))
		return r->unfound.over = true;
	if (!r->unfound.over) {
		bool looks = r->unfound.n < LOOKS || r->unfound.n % LOOKS == 0;
		bool near = looks && regex_match_icase(r->match, (struct vn_span){ t->p, t->n });
		rule_misses(p, r, &r->unfound, looks && (near || !r->unfound.near), near, t, q->now);
	}
	return false;
}

static bool rule_drawn(const struct rule *r, const struct question *q)
{
	struct vn_dice d = dice_at(&r->draw, q->connection, q->exchange, q->moment);
	double u = vn_dice_unit(&d);

	return u >= r->spec->low && u < r->spec->high;
}

static void counters_seen(struct rule *r)
{
	atomic_fetch_add_explicit(&r->spec->counters->seen, 1, memory_order_relaxed);
}

/* `seen` counts exchanges and connections; a rest between them is one more only if it is struck. */
ruleset plan_decide(struct plan *p, ruleset among, const struct question *q)
{
	struct text text;
	ruleset in = 0;
	unsigned i;

	text.n = 0;
	for EACH_RULE(i, among) {
		struct rule *r = &p->rules[i];
		bool sure = r->spec->low <= 0 && r->spec->high >= 1;
		if (!rule_finds(p, r, q, &text) || !(sure || rule_drawn(r, q)))
			continue;
		in |= (ruleset)1 << i;
		if (q->again || q->moment == VN_ON_REST)
			continue;
		counters_seen(r);
		rule_spares(p, r, q, &text);
	}
	return in;
}

ruleset plan_meant(const struct plan *p, const struct endpoint *client)
{
	ruleset meant = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (rule_applies_to(p->rules[i].spec, client))
			meant |= (ruleset)1 << i;
	return meant;
}

/* ---- verdicts ---- */

bool verdict_calm(const struct vn_verdict *v)
{
	return v->fate == VN_PASS && v->keep == VN_ALL && !v->hold && !v->pace.rate && !v->pace.piece && !v->pace.gap &&
	       !v->dirt.junk && !v->dirt.flips && !v->dirt.edited && v->end == VN_STAY;
}

/* What a guest returns is taken for what it can mean at most. */
static void verdict_clamp(struct vn_verdict *v)
{
	if ((unsigned)v->fate > VN_REPLY)
		v->fate = VN_PASS;
	if ((unsigned)v->end > VN_VANISH)
		v->end = VN_STAY;
	if (v->hold < 0)
		v->hold = 0;
	if (v->after < 0)
		v->after = 0;
	if (v->pace.gap < 0)
		v->pace.gap = 0;
	if (v->pace.gap > 0 && !v->pace.piece)
		v->pace.piece = 1 << 16;
	if (v->pace.vary >= v->pace.piece)
		v->pace.vary = v->pace.piece ? v->pace.piece - 1 : 0;
	if (v->dirt.junk > 1 << 16)
		v->dirt.junk = 1 << 16;
	if (v->dirt.flips > 1 << 16)
		v->dirt.flips = 1 << 16;
}

static vn_nsec add_nsec(vn_nsec a, vn_nsec b)
{
	return a > VN_NEVER - b ? VN_NEVER : a + b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

static void pace_fold(struct vn_pace *into, const struct vn_pace *p)
{
	into->rate = least(into->rate, p->rate);
	if (p->piece && (!into->piece || p->piece < into->piece)) {
		into->piece = p->piece;
		into->vary = p->vary;
	}
	into->gap = add_nsec(into->gap, p->gap);
}

void verdict_fold(struct vn_verdict *into, const struct vn_verdict *v)
{
	if (v->fate > into->fate)
		into->fate = v->fate;
	if (!into->failure)
		into->failure = v->failure;
	if (v->keep < into->keep)
		into->keep = v->keep;
	into->hold = add_nsec(into->hold, v->hold);
	pace_fold(&into->pace, &v->pace);
	if (!into->dirt.junk)
		into->dirt.at = v->dirt.at;
	into->dirt.junk += v->dirt.junk;
	into->dirt.flips += v->dirt.flips;
	into->dirt.edited |= v->dirt.edited;
	if (v->end > into->end || (v->end == into->end && v->after < into->after))
		into->after = v->after;
	if (v->end > into->end)
		into->end = v->end;
}

const char *verdict_show(const struct vn_verdict *v, const struct vn_failure *f, char *buffer, size_t size)
{
	static const char *const fates[] = { "pass", "drop", "reply" }, *const ends[] = { "", ",stall", ",close", ",reset", ",vanish" };
	char hold[32] = "", keep[32] = "", junk[32] = "";

	if (v->hold == VN_NEVER)
		snprintf(hold, sizeof hold, ",hold:never");
	else if (v->hold)
		snprintf(hold, sizeof hold, ",hold:%.6f", (double)v->hold / VN_S);
	if (v->keep != VN_ALL)
		snprintf(keep, sizeof keep, ",keep:%zu", v->keep);
	if (v->dirt.junk)
		snprintf(junk, sizeof junk, ",junk:%zu", v->dirt.junk);
	snprintf(buffer, size, "%s%s%s%s%s%s%s%s%s", fates[v->fate], f ? ":" : "", f ? f->name : "", hold, keep,
	         v->pace.rate || v->pace.piece ? ",paced" : "", junk, v->dirt.flips || v->dirt.edited ? ",edited" : "", ends[v->end]);
	return buffer;
}

/* ---- judging ---- */

static bool failure_fits(const struct vn_protocol *p, const struct vn_failure *f, const struct question *q)
{
	if (!(f->moments & q->moment && f->fits & (q->msg ? q->msg->is : q->idle)))
		return false;
	return !p->fits || !q->msg || p->fits(q->session, q->msg, f);
}

/* The failure named, or one of those that leave the connection usable. NULL: none fits. */
static const struct vn_failure *failure_choose(const struct vn_protocol *p, const char *name, const struct question *q, struct vn_dice *d)
{
	const struct vn_failure *usable[64];
	unsigned n = 0;

	if (name) {
		const struct vn_failure *f = failure_find(p, name);
		return f && failure_fits(p, f, q) ? f : NULL;
	}
	for (const struct vn_failure *f = p->failures; f && f->name && n < 64; f++)
		if (f->end == VN_STAY && !f->by_name && failure_fits(p, f, q))
			usable[n++] = f;
	return n ? usable[vn_dice_below(d, n)] : NULL;
}

/* A line a second for each rule, every strike at debug. */
static void say_strike(struct plan *p, struct rule *r, const struct question *q, const struct vn_verdict *v, const struct vn_failure *f, bool first)
{
	char what[160];

	if (log_threshold > LOG_DEBUG) {
		if (!first)
			return;
		r->unsaid++;
		if (r->said && q->now - r->said < VN_S)
			return;
	}
	log_line(log_threshold > LOG_DEBUG ? LOG_INFO : LOG_DEBUG,
	         "strike proxy=%s connection=%llu exchange=%llu verb=%s rule=%s behavior=%s verdict=%s strikes=%llu", p->spec->name,
	         (unsigned long long)q->connection, (unsigned long long)q->exchange, q->msg && *q->msg->verb ? q->msg->verb : "-",
	         r->spec->name, r->behavior->name, verdict_show(v, f, what, sizeof what), (unsigned long long)(r->unsaid ? r->unsaid : 1));
	r->said = q->now;
	r->unsaid = 0;
}

/* Of those a rule would strike it picks some: after `skip`, each `every`-th, `times` of them. */
static bool rule_picks(const struct rule_spec *w, uint64_t n)
{
	uint64_t every = w->every ? w->every : 1;

	return n >= w->skip && (n - w->skip) % every == 0 && (n - w->skip) / every < w->times;
}

/* One more strike; never more than `times`, though what is forgotten may make others be counted alike. */
static bool counters_hit(struct rule_counters *t, uint64_t times)
{
	if (atomic_fetch_add_explicit(&t->hits, 1, memory_order_relaxed) < times)
		return true;
	atomic_fetch_sub_explicit(&t->hits, 1, memory_order_relaxed);
	return false;
}

static bool rule_strikes(struct rule *r, struct rule_flags *s, ruleset bit)
{
	struct rule_counters *t = r->spec->counters;

	if (!(s->counted & bit)) {
		s->counted |= bit;
		if (rule_picks(r->spec, atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed)) && counters_hit(t, r->spec->times))
			s->struck |= bit;
	}
	return s->struck & bit;
}

static void counters_take_back(struct rule_counters *t, bool counted, bool struck)
{
	atomic_fetch_sub_explicit(&t->seen, 1, memory_order_relaxed);
	if (counted)
		atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
	if (struck)
		atomic_fetch_sub_explicit(&t->hits, 1, memory_order_relaxed);
}

void plan_take_back(const struct plan *p, const struct rule_flags *s, uint64_t connection, uint64_t exchange)
{
	bool words = p->spec->protocol->failures;       /* else `counted` may say that it was unreachable */
	unsigned i;

	for EACH_RULE(i, s->in & ~p->per_connection) {
		const struct rule *r = &p->rules[i];
		bool struck = s->struck >> i & 1;
		counters_take_back(r->spec->counters, words && s->counted >> i & 1, struck);
		if (struck)
			log_debug("forgotten proxy=%s connection=%llu exchange=%llu rule=%s behavior=%s: the strike is not counted, what it was for did not come",
			          p->spec->name, (unsigned long long)connection, (unsigned long long)exchange, r->spec->name, r->behavior->name);
	}
}

static bool rule_would_strike(const struct rule *r, const struct rule_flags *s, ruleset bit)
{
	return s->counted & bit ? s->struck & bit : rule_picks(r->spec, atomic_load_explicit(&r->spec->counters->count, memory_order_relaxed));
}

/* The end of a stream, to a rule that counts exchanges: it fares as the next of them would, and is none. */
static bool rule_leaves_uncounted(const struct plan *p, unsigned i, const struct question *q)
{
	return q->moment == VN_ON_END && !(p->per_connection >> i & 1) && p->rules[i].behavior->on & IN_EXCHANGES;
}

/* What was asked is not what its failure can answer. */
static void rule_unfit(struct plan *p, struct rule *r, const struct question *q)
{
	struct text text;

	if (r->unfit.over || !q->msg)
		return;
	if (!r->unfit.n)
		text_make(&text, q->msg);
	rule_misses(p, r, &r->unfit, !r->unfit.n, false, &text, q->now);
}

struct rule_state *plan_state(const struct plan *p, struct rule_state **states, unsigned i)
{
	if (!states[i]) {
		states[i] = xcalloc(1, sizeof **states + p->rules[i].behavior->state_size);
	}
	return states[i];
}

static struct rule_state *state_of(const struct plan *p, const struct question *q, unsigned i)
{
	const struct vn_behavior *b = p->rules[i].behavior;

	if (!q->states)
		return NULL;
	return b->state_size || b->on & VN_ON_DATA ? plan_state(p, q->states, i) : q->states[i];
}

void rule_state_free(const struct rule *r, struct rule_state *state)
{
	if (state && r->behavior->forget)
		r->behavior->forget(state->state);
	free(state);
}

static bool rule_acts(struct plan *p, unsigned i, const struct question *q, struct vn_verdict *v, const struct vn_failure **f)
{
	struct rule *r = &p->rules[i];
	struct rule_state *state = state_of(p, q, i);
	struct vn_dice dice = dice_at(&r->dice, q->connection, q->moment == VN_ON_DATA ? q->offset : q->exchange,
	                           q->moment | (unsigned)q->direction << 8);
	struct vn_event e = {
		.self = r->behavior, .rule = r->spec->id, .moment = q->moment, .direction = q->direction, .msg = q->msg, .opts = r->spec->values.opts,
		.state = state ? state->state : NULL, .dice = &dice, .age = q->now - r->spec->since,
		.connection = q->connection, .exchange = q->exchange,
		.passed = state ? state->passed[q->direction == VN_RESPONSE] : 0,
		.data = q->data, .len = q->len, .words = q->words,
	};
	struct rule_flags *s = !q->flags || p->per_connection >> i & 1 ? q->whole : q->flags;
	ruleset bit = (ruleset)1 << i;

	*v = (struct vn_verdict){ .keep = VN_ALL };
	r->behavior->act(&e, v);
	verdict_clamp(v);
	if (verdict_calm(v))
		return false;
	*f = NULL;
	if (v->fate == VN_REPLY) {
		if (!q->words || q->raw) {
			if (!(s->counted & bit) && !q->rehearsal)
				say_unreachable(p, r, q);
			s->counted |= bit;      /* said once of each exchange; nor is it counted */
			return false;
		}
		*f = failure_choose(p->spec->protocol, v->failure, q, &dice);
		if (!*f) {
			rule_unfit(p, r, q);
			return false;
		}
		if (v->end == VN_STAY)
			v->end = (*f)->end;
	}
	if (q->rehearsal || rule_leaves_uncounted(p, i, q))
		return rule_would_strike(r, s, bit);
	bool first = !(s->counted & bit);
	if (!rule_strikes(r, s, bit))
		return false;
	if (first && q->moment == VN_ON_REST && s != q->whole)
		counters_seen(r);
	say_strike(p, r, q, v, *f, first);
	if (first && journal_wants(JOURNAL_FAULT)) {
		char what[160];
		tell_strike(JOURNAL_FAULT, p, r, q, verdict_show(v, *f, what, sizeof what));
	}
	return true;
}

ruleset plan_asks(const struct plan *p, enum vn_moment moment, const struct rule_flags *whole, const struct rule_flags *s)
{
	ruleset in = s ? (whole->in & p->per_connection) | (s->in & ~p->per_connection) : whole->in;

	return in & p->on[moment_index(moment)];
}

/* What rule i says is added to what the others have said. */
static void judgement_add(struct judgement *j, const struct plan *p, unsigned i, struct vn_verdict *v, enum vn_moment at)
{
	const struct rule_spec *w = p->rules[i].spec;

	if (at == VN_ON_LEAVE)
		v->after = 0;
	if (v->end != VN_STAY && v->after && at != VN_ON_REST) {
		j->clocks[j->n_clocks++] = (struct clock){ i, v->end, v->after, at == VN_ON_DATA };
		v->end = VN_STAY;
		v->after = 0;
	}
	if (v->end > j->v.end || (v->end == j->v.end && v->after < j->v.after))
		j->end_rule = w->id;
	if (v->hold || v->pace.rate || v->pace.piece)
		j->by[j->n++] = (struct hold){ w->id, v->hold, v->pace, w->shared ? w->counters->line_free : NULL };
	verdict_fold(&j->v, v);
}

bool plan_judge(struct plan *p, const struct question *q, struct judgement *j)
{
	struct vn_verdict v;
	const struct vn_failure *f;
	bool any = false;
	unsigned i;

	for EACH_RULE(i, plan_asks(p, q->moment, q->whole, q->flags)) {
		struct rule *r = &p->rules[i];
		enum vn_direction d = r->spec->direction ? r->spec->direction : r->behavior->direction ? r->behavior->direction : VN_BOTH;
		if (!(d & q->direction) || !rule_acts(p, i, q, &v, &f))
			continue;
		if (!any) {
			j->v = (struct vn_verdict){ .keep = VN_ALL, .after = VN_NEVER }; /* the least `after` is what counts */
			j->failure = NULL;
			j->n = j->n_clocks = 0;
			j->end_rule = 0;
		}
		any = true;
		if (f && !j->failure)
			j->failure = f;
		judgement_add(j, p, i, &v, q->moment);
	}
	return any;
}

enum vn_end plan_listen(struct plan *p)
{
	enum vn_end end = VN_STAY;
	unsigned i;

	for EACH_RULE(i, p->on[moment_index(VN_ON_LISTEN)] & p->certain) {
		const struct rule *r = &p->rules[i];
		struct vn_event e = { .self = r->behavior, .rule = r->spec->id, .moment = VN_ON_LISTEN, .direction = VN_BOTH, .opts = r->spec->values.opts };
		struct vn_verdict v = { .keep = VN_ALL };
		if (!rule_plain(r->spec))
			continue;
		r->behavior->act(&e, &v);
		verdict_clamp(&v);
		end = v.end > end ? v.end : end;
	}
	return end == VN_CLOSE || end == VN_VANISH ? end : VN_STAY;
}
