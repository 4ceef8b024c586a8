/* plan_judge.c - judging by a plan: which rules are in, their verdicts, their counts. */
#include "rules/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "rules/verdict.h"
#include "spec/failure.h"

#define EACH_RULE(i, set) \
	(ruleset rest_ = (set), one_; \
	 (one_ = rest_ & -rest_) && ((i) = (unsigned)__builtin_ctzll(rest_), true); rest_ ^= one_)

/* When a verdict may have `tls`. */
enum { TLS_MOMENTS = VN_ON_OPEN | VN_ON_HELLO };

static unsigned moment_index(enum vn_moment m)
{
	return (unsigned)__builtin_ctz(m);
}

/* ---- which are in ---- */

/* Is the message of the rule's kinds? REGEX_GAVE_UP: it is not known what it does, and the kinds
 * depend on that. */
static enum regex_answer rule_kind_finds(const struct rule *r, const struct vn_message *m)
{
	unsigned kinds = r->spec->kinds, deeds = ~(unsigned)(VN_IS_LOGIN | VN_IS_COMMAND);

	if (!kinds || m->is & kinds)
		return REGEX_YES;
	return m->is & VN_IS_UNKNOWN && kinds & deeds ? REGEX_GAVE_UP : REGEX_NO;
}

/* Do match and kind find this message? *t is the text, made for the first rule that needs it. */
static bool rule_finds(const char *proxy, struct rule *r, const struct question *q,
                       struct rule_text *t)
{
	enum regex_answer found = REGEX_YES;

	if (!r->match && !r->spec->kinds)
		return true;
	if (q->raw) {
		rule_log_unreachable(proxy, r, q, UNREACHABLE_RAW, NULL);
		return false;
	}
	if (!q->msg)
		return false;
	enum regex_answer kind = rule_kind_finds(r, q->msg);
	if (!t->n && (r->match || (kind == REGEX_NO && !r->unfound.over)))
		rule_text_make(t, q->msg);
	if (r->match && kind != REGEX_NO)
		found = regex_match(r->match, (struct vn_span){ t->p, t->n });
	if (found == REGEX_YES && kind == REGEX_YES)
		return r->unfound.over = true;
	if (found == REGEX_GAVE_UP)
		rule_log_unreachable(proxy, r, q, UNREACHABLE_MATCH, NULL);
	else if (found == REGEX_YES && kind == REGEX_GAVE_UP)
		rule_log_unreachable(proxy, r, q, UNREACHABLE_UNKNOWN, NULL);
	else if (!r->unfound.over)
		rule_log_unfound(proxy, r, q, t);
	return false;
}

/* The rules that leave this message alone whatever their dice. */
static ruleset plan_spares(const struct plan *p, const struct vn_message *msg)
{
	return msg && msg->is & (VN_IS_LOGIN | VN_IS_SETUP) ? p->sparing : 0;
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

/* `seen` counts exchanges and connections. A rest counts only if it is struck: rule_acts(). */
ruleset plan_decide(struct plan *p, ruleset among, const struct question *q)
{
	struct rule_text text;
	ruleset in = 0;
	unsigned i;

	text.n = 0;
	for EACH_RULE(i, among & ~plan_spares(p, q->msg)) {
		struct rule *r = &p->rules[i];
		bool sure = r->spec->low <= 0 && r->spec->high >= 1;
		if (!rule_finds(p->spec->name, r, q, &text) || !(sure || rule_drawn(r, q)))
			continue;
		in |= (ruleset)1 << i;
		if (q->again || q->moment == VN_ON_REST)
			continue;
		counters_seen(r);
		rule_log_in(p->spec->name, r, q, &text);
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

ruleset plan_meant_since(const struct plan *p, vn_nsec opened)
{
	ruleset meant = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (rule_applies_since(p->rules[i].spec, opened))
			meant |= (ruleset)1 << i;
	return meant;
}

void plan_unreachable(struct plan *p, ruleset among, const struct question *q)
{
	unsigned i;

	for EACH_RULE(i, among & p->on[moment_index(q->moment)]) {
		struct rule *r = &p->rules[i];
		bool sure = r->spec->low <= 0 && r->spec->high >= 1;
		if (sure || rule_drawn(r, q))
			rule_log_unreachable(p->spec->name, r, q, UNREACHABLE_PLAIN, NULL);
	}
}

/* ---- verdicts ---- */

static bool failure_fits(const struct vn_protocol *p, const struct vn_failure *f,
                         const struct question *q)
{
	unsigned is = q->msg ? q->msg->is : q->idle;

	if (q->msg && q->msg->role != VN_PUSH)
		/* of a first request: it was decided at accept */
		is &= ~(unsigned)VN_IS_OPENING;
	if (!(f->moments & q->moment && f->fits & is))
		return false;
	return !p->fits || !q->msg || p->fits(q->session, q->msg, f);
}

/* Returns the named failure. Without a name the dice choose one that leaves the connection usable.
 * NULL: none fits. */
static const struct vn_failure *failure_choose(const struct vn_protocol *p, const char *name,
                                               const struct question *q, struct vn_dice *d)
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

/* ---- counts ---- */

/* Applies skip, every and times to the n-th candidate, from 0. */
static bool rule_picks(const struct rule_spec *w, uint64_t n)
{
	uint64_t every = w->every ? w->every : 1;

	return n >= w->skip && (n - w->skip) % every == 0 && (n - w->skip) / every < w->times;
}

/* Counts a strike. Never more than `times`: plan_take_back() may give two exchanges one number. */
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
		uint64_t n = atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
		if (rule_picks(r->spec, n) && counters_hit(t, r->spec->times))
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

void plan_take_back(const struct plan *p, const struct rule_flags *s, uint64_t connection,
                    uint64_t exchange)
{
	/* Without failures, `counted` may mean that the rule was unreachable: rule_refuses(). */
	bool words = p->spec->protocol->failures;
	unsigned i;

	for EACH_RULE(i, s->in & ~p->per_connection) {
		const struct rule *r = &p->rules[i];
		bool struck = s->struck >> i & 1;
		counters_take_back(r->spec->counters, words && s->counted >> i & 1, struck);
		if (struck)
			log_debug("forgotten proxy=%s connection=%llu exchange=%llu rule=%s "
			          "behavior=%s: the strike is not counted, what it was for did not "
			          "come",
			          p->spec->name, (unsigned long long)connection,
			          (unsigned long long)exchange, r->spec->name, r->behavior->name);
	}
}

/* A rule that is drawn for the whole connection keeps its strike: other exchanges share it. */
void plan_unedited(struct plan *p, uint64_t rule, const struct question *q, const char *limit)
{
	int i = plan_find(p, rule);
	ruleset bit = i < 0 ? 0 : (ruleset)1 << i;

	if (i < 0)
		return;
	if (q->flags->struck & bit & ~p->per_connection) {
		struct rule_counters *t = p->rules[i].spec->counters;
		q->flags->struck &= ~bit;
		atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
		atomic_fetch_sub_explicit(&t->hits, 1, memory_order_relaxed);
	}
	rule_log_unreachable(p->spec->name, &p->rules[i], q,
	                     limit ? UNREACHABLE_LIMITED : UNREACHABLE_RAW, limit);
}

void plan_unstrike(const struct plan *p, ruleset struck)
{
	unsigned i;

	for EACH_RULE(i, struck)
		atomic_fetch_sub_explicit(&p->rules[i].spec->counters->hits, 1,
		                          memory_order_relaxed);
}

static bool rule_would_strike(const struct rule *r, const struct rule_flags *s, ruleset bit)
{
	if (s->counted & bit)
		return s->struck & bit;
	return rule_picks(r->spec, atomic_load_explicit(&r->spec->counters->count,
	                                                memory_order_relaxed));
}

/* The end of a stream is no exchange. A rule that counts exchanges treats it as the next one, and
 * counts nothing. */
static bool rule_leaves_uncounted(const struct plan *p, unsigned i, const struct question *q)
{
	return q->moment == VN_ON_END && !(p->per_connection >> i & 1) &&
	       p->rules[i].behavior->on & IN_EXCHANGES;
}

struct rule_state *plan_state(const struct plan *p, struct rule_state **states, unsigned i)
{
	if (!states[i])
		states[i] = xcalloc(1, sizeof **states + p->rules[i].behavior->state_size);
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

/* `tls`: for a verdict on a handshake, where one can be given. */
static void rule_ask(const struct plan *p, unsigned i, const struct question *q,
                     struct vn_dice *dice, struct vn_tls *tls, struct vn_verdict *v)
{
	const struct rule *r = &p->rules[i];
	struct rule_state *state = state_of(p, q, i);
	struct vn_event e = {
		.self = r->behavior, .rule = r->spec->id, .moment = q->moment,
		.direction = q->hello ? r->spec->direction : q->direction, .msg = q->msg,
		.opts = r->spec->values.opts,
		.state = state ? state->state : NULL, .dice = dice,
		.age = q->now - r->spec->since, .connection = q->connection,
		.exchange = q->exchange,
		.passed = state ? state->passed[q->direction == VN_RESPONSE] : 0,
		.data = q->data, .len = q->len, .words = q->words, .interim = q->interim,
		.datagram = q->datagram,
		.hello = q->hello,
	};

	*v = (struct vn_verdict){ .keep = VN_ALL };
	if (q->moment & TLS_MOMENTS) {
		*tls = (struct vn_tls){ 0 };
		v->tls = tls;
	}
	r->behavior->act(&e, v);
	verdict_clamp(v);
}

/* Might this failure answer a message of which it is not known what it does? Not if it is of
 * logins, commits ... */
static bool depends_on_deed(const struct vn_protocol *p, const char *name, enum vn_moment at)
{
	const struct vn_failure *f = name ? failure_find(p, name) : NULL;

	return !name ||
	       (f && f->moments & at && f->fits & (VN_IS_READ | VN_IS_WRITE | ~(VN_IS_OWN - 1u)));
}

/* It does not strike: its failure does not fit, or it is not known whether it does. */
static void rule_spares(struct plan *p, struct rule *r, const struct question *q,
                        struct rule_flags *s, ruleset bit, const char *failure)
{
	const char *limit = q->session ? q->session->limit : NULL;
	bool unknown = q->msg && q->moment == VN_ON_REQUEST && q->msg->is & VN_IS_UNKNOWN &&
	               depends_on_deed(p->spec->protocol, failure, q->moment);

	if (q->session)
		q->session->limit = NULL;
	if (!limit && !unknown) {
		rule_log_unfit(p->spec->name, r, q);
		return;
	}
	if (!(s->counted & bit) && !q->rehearsal)
		rule_log_unreachable(p->spec->name, r, q,
		                     limit ? UNREACHABLE_LIMITED : UNREACHABLE_UNKNOWN, limit);
	s->counted |= bit;
}

/* A verdict that refuses gets its failure. False: it cannot be carried out here. */
static bool rule_refuses(struct plan *p, struct rule *r, const struct question *q,
                         struct rule_flags *s, ruleset bit, struct vn_dice *dice,
                         struct vn_verdict *v, const struct vn_failure **f)
{
	const char *proxy = p->spec->name;

	if (!q->words || q->raw) {
		if (!(s->counted & bit) && !q->rehearsal)
			rule_log_unreachable(proxy, r, q,
			                     q->raw ? UNREACHABLE_RAW : UNREACHABLE_NO_FAILURES,
			                     NULL);
		s->counted |= bit;      /* reported once for each exchange; nor is it counted */
		return false;
	}
	*f = failure_choose(p->spec->protocol, v->failure, q, dice);
	if (!*f) {
		rule_spares(p, r, q, s, bit, v->failure);
		return false;
	}
	if (q->session)
		q->session->limit = NULL;
	if (v->end == VN_STAY)
		v->end = (*f)->end;
	return true;
}

/* A server can only choose a name of ALPN if the client has sent some. */
static bool rule_cannot_choose(const struct plan *p, struct rule *r, const struct question *q,
                               const struct vn_verdict *v)
{
	if (!q->hello || !v->tls->alpn || *q->hello->alpn)
		return false;
	rule_log_unreachable(p->spec->name, r, q, UNREACHABLE_NO_ALPN, NULL);
	return true;
}

static bool rule_acts(struct plan *p, unsigned i, const struct question *q, struct vn_tls *tls,
                      struct vn_verdict *v, const struct vn_failure **f)
{
	struct rule *r = &p->rules[i];
	struct vn_dice dice = dice_at(&r->dice, q->connection,
	                              q->moment == VN_ON_DATA ? q->offset : q->exchange,
	                              q->moment | (unsigned)q->direction << 8);
	struct rule_flags *s = !q->flags || p->per_connection >> i & 1 ? q->whole : q->flags;
	ruleset bit = (ruleset)1 << i;

	*f = NULL;
	rule_ask(p, i, q, &dice, tls, v);
	if (verdict_calm(v) || (q->refusals && v->fate != VN_REPLY))
		return false;
	if (rule_cannot_choose(p, r, q, v))
		return false;
	if (v->fate == VN_REPLY && !rule_refuses(p, r, q, s, bit, &dice, v, f))
		return false;
	if (q->rehearsal || rule_leaves_uncounted(p, i, q))
		return rule_would_strike(r, s, bit);
	bool first = !(s->counted & bit);
	if (!rule_strikes(r, s, bit))
		return false;
	if (first && q->moment == VN_ON_REST && s != q->whole)
		counters_seen(r);
	if (first)
		atomic_store_explicit(&r->spec->counters->last_hit, q->now, memory_order_relaxed);
	rule_log_strike(p->spec->name, r, q, v, *f, first);
	return true;
}

ruleset plan_asks(const struct plan *p, enum vn_moment moment, const struct rule_flags *whole,
                  const struct rule_flags *s)
{
	ruleset in = s ? (whole->in & p->per_connection) | (s->in & ~p->per_connection) : whole->in;

	return in & p->on[moment_index(moment)];
}

/* Adds the verdict of rule i. An end by the clock becomes an entry of `clocks`. */
static void judgement_add(struct judgement *j, const struct plan *p, unsigned i,
                          struct vn_verdict *v, enum vn_moment at)
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
	if (v->hold || v->pace.rate || v->pace.piece || v->behind.others)
		j->by[j->n++] = (struct hold){ w->id, v->hold, v->pace,
		                               w->shared ? w->counters->line_free : NULL,
		                               v->behind, v->in_order, v->queue };
	if (v->tls) {
		tls_fold(&j->tls, v->tls, j->tls_rule, w->id);
		if (v->tls->late && v->tls->hold)
			j->late[j->n_late++] = (struct tls_late){ w->id, v->tls->hold };
	}
	verdict_fold(&j->v, v);
}

/* The smallest `after` counts. */
static void judgement_begin(struct judgement *j, enum vn_moment at)
{
	j->v = (struct vn_verdict){ .keep = VN_ALL, .after = VN_NEVER };
	j->failure = NULL;
	j->n = j->n_clocks = 0;
	j->end_rule = 0;
	if (!(at & TLS_MOMENTS))
		return;
	j->tls = (struct vn_tls){ 0 };
	memset(j->tls_rule, 0, sizeof j->tls_rule);
	j->n_late = 0;
	j->v.tls = &j->tls;
}

bool plan_judge(struct plan *p, const struct question *q, struct judgement *j)
{
	struct vn_verdict v;
	struct vn_tls tls;
	const struct vn_failure *f;
	bool any = false;
	unsigned i;

	ruleset spared = q->spared | plan_spares(p, q->msg);

	for EACH_RULE(i, plan_asks(p, q->moment, q->whole, q->flags) & ~spared) {
		struct rule *r = &p->rules[i];
		enum vn_direction d = q->datagram            ? r->spec->of_datagrams :
		                      r->spec->direction     ? r->spec->direction :
		                      r->behavior->direction ? r->behavior->direction :
		                                               VN_BOTH;
		if (!(d & q->direction) || !rule_acts(p, i, q, &tls, &v, &f))
			continue;
		if (!any)
			judgement_begin(j, q->moment);
		any = true;
		if (f && !j->failure) {
			j->failure = f;
			j->failure_rule = r->spec->id;
		}
		judgement_add(j, p, i, &v, q->moment);
	}
	return any;
}

enum vn_end plan_listen(struct plan *p, bool datagrams)
{
	enum vn_end end = VN_STAY;
	unsigned i;

	for EACH_RULE(i, p->on[moment_index(VN_ON_LISTEN)] & p->certain) {
		const struct rule *r = &p->rules[i];
		struct vn_event e = { .self = r->behavior, .rule = r->spec->id,
		                      .moment = VN_ON_LISTEN, .direction = VN_BOTH,
		                      .opts = r->spec->values.opts,
		                      .datagram = datagrams };
		struct vn_verdict v = { .keep = VN_ALL };
		if (!rule_plain(r->spec))
			continue;
		r->behavior->act(&e, &v);
		verdict_clamp(&v);
		end = v.end > end ? v.end : end;
	}
	return end == VN_CLOSE || end == VN_VANISH ? end : VN_STAY;
}
