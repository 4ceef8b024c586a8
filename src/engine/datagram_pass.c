/* datagram_pass.c - a datagram passes: its message is found, the rules judge it, it leaves.
 *
 *   bytes -> message, exchange -> VN_ON_REQUEST or VN_ON_RESPONSE -> VN_ON_DATA -> datagram_leave()
 *
 * Where the protocol has no messages, or does not understand the bytes, a request is of the role
 * VN_TELLS and a response VN_PUSH. As every push, that is judged at VN_ON_REQUEST, too. */
#include "engine/datagram_pass.h"

#include <stdlib.h>
#include <string.h>

#include "engine/datagram_rules.h"
#include "engine/datagram_send.h"
#include "engine/datagram_trace.h"
#include "engine/datagram_wait.h"
#include "engine/recent.h"
#include "engine/responses.h"
#include "spec/failure.h"

/* A datagram on its way. */
struct passing {
	struct flow *flow;
	enum vn_direction direction;
	struct vn_message msg;
	struct exchange *exchange;      /* that it opens or answers; NULL: none is kept */
	struct rule_flags own, *flags;  /* the exchange's, or its own */
	uint64_t number;
	bool raw;                       /* the protocol does not understand it */
	bool gone;
	bool scratch;                   /* its bytes are in the scratch buffer */
	uint64_t struck_by;             /* the id of the rule whose failure refuses it; or 0 */
	size_t keep;
	struct vn_dirt dirt;
	struct leaving leaving;
};

/* ---- a call of the protocol ---- */

static struct vn_session *flow_session(struct flow *f)
{
	struct worker *w = flow_worker(f);
	const struct spec *s = f->plan->spec;

	buffer_clear(&w->scratch);
	w->session = (struct vn_session){
		.self = s->protocol, .state = f->state, .opts = s->protocol_values.opts,
		.texts = &w->texts, .scratch = &w->scratch, .backend = s->backend.text,
		.idle = f->idle, .client = "", .backend_note = s->backend_note, .datagram = true,
		.judged = f->plan->refuses || f->plan->sparing, .owed = f->exchanges.first != NULL,
	};
	return &w->session;
}

/* Another connection fills it in anew. */
static void flow_session_end(struct flow *f)
{
	struct worker *w = flow_worker(f);

	f->idle = w->session.idle;
	w->session.state = NULL;
	shard_notice(f->of->shard);
	if (w->texts.used) {
		text_cache_free(&w->texts);
		text_cache_init(&w->texts, TEXT_CACHE_ROOM);
	}
}

/* It was to become an error, and the protocol cannot edit it. */
static void answer_unedited(struct flow *f, struct exchange *x, const char *limit)
{
	struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &x->asked,
	                      .connection = f->number, .exchange = x->number, .flags = &x->flags,
	                      .now = flow_worker(f)->loop.now };

	plan_unedited(f->plan, x->struck_by, &q, limit);
	x->asked.struck = NULL;
}

/* Describes the message. False: the protocol does not understand it. *bytes are others if the
 * protocol has replaced them. */
static bool message_find(struct passing *p, struct vn_span *bytes)
{
	struct flow *f = p->flow;
	const struct vn_protocol *of = flow_protocol(f);
	bool request = p->direction == VN_REQUEST;
	struct exchange *x = f->exchanges.first;

	if (!of->request)
		return false;
	struct vn_session *t = flow_session(f);
	if (!request && of->answers)
		x = exchange_of_answer(&f->exchanges, t, *bytes);
	p->msg = (struct vn_message){ .role = request ? VN_ASKS : VN_ANSWERS };
	t->report = datagram_report_begin(f, request, x);
	struct vn_cut cut = request ? of->request(t, *bytes, &p->msg) :
	                              of->response(t, *bytes, x ? &x->asked : NULL, &p->msg);
	p->raw = cut.kind != VN_CUT_END || cut.len != bytes->n;
	if (!p->raw && cut.replaced) {
		*bytes = cut.instead;
		p->scratch = true;
	}
	if (!request && !p->raw && x && p->msg.role == VN_ANSWERS) {
		p->exchange = x;
		datagram_report_end(f, x);
		if (x->asked.struck && t->limit)
			answer_unedited(f, x, t->limit);
	}
	flow_session_end(f);
	return !p->raw;
}

/* ---- judging ---- */

/* Calls the rules, and takes over what they want of the datagram. Returns what is to happen to it;
 * *failure is that of VN_REPLY. */
static enum vn_fate passing_judge(struct passing *p, enum vn_moment at, struct vn_span bytes,
                                  const struct vn_failure **failure)
{
	struct flow *f = p->flow;
	struct judgement j;
	struct question q = { .moment = at, .direction = p->direction, .msg = &p->msg,
	                      .exchange = p->number, .flags = p->flags,
	                      .data = (uint8_t *)bytes.p, .len = bytes.n, .raw = p->raw,
	                      .offset = f->way[way_index(p->direction)].n };

	if (!plan_asks(f->plan, at, &f->whole, p->flags))
		return VN_PASS;
	if (flow_protocol(f)->fits && at == VN_ON_REQUEST && p->direction == VN_REQUEST)
		q.session = flow_session(f);
	bool any = flow_judge(f, &q, &j);
	if (q.session)
		flow_session_end(f);
	if (!any)
		return VN_PASS;
	struct holds *more = holds_make(p->leaving.why, &j);
	holds_unref(p->leaving.why);
	p->leaving.why = more;
	p->leaving.copies += j.v.copies;
	p->keep = j.v.keep < p->keep ? j.v.keep : p->keep;
	if (!p->dirt.junk)
		p->dirt.at = j.v.dirt.at;
	p->dirt.junk += j.v.dirt.junk;
	p->dirt.flips += j.v.dirt.flips;
	if (failure)
		*failure = j.failure;
	p->struck_by = j.failure ? j.failure_rule : p->struck_by;
	if (j.failure && p->exchange && p->exchange->trace)
		exchange_trace_refused(p->exchange, f->plan, j.failure_rule);
	return j.v.fate;
}

/* ---- leaving ---- */

/* The bytes with junk in them and bits flipped, in the thread's buffer. */
static struct vn_span spoil(struct passing *p, struct vn_span in)
{
	struct flow *f = p->flow;
	const struct vn_dirt *dirt = &p->dirt;
	uint8_t *to = flow_worker(f)->inbox->spoilt;
	size_t at = dirt->at == VN_MIDDLE ? in.n / 2 : dirt->at < in.n ? dirt->at : in.n;
	size_t junk = dirt->junk <= DATAGRAM_MAX ? dirt->junk : DATAGRAM_MAX;
	struct vn_dice d = dice_at(&f->of->shard->junk, f->number,
	                           f->way[way_index(p->direction)].n, p->direction);

	outbox_flush(flow_worker(f));
	if (at)
		memcpy(to, in.p, at);
	dice_fill(&d, to + at, junk);
	if (in.n > at)
		memcpy(to + at + junk, in.p + at, in.n - at);
	for (unsigned i = 0; i < dirt->flips && in.n; i++) {
		uint64_t bit = vn_dice_below(&d, (uint64_t)in.n * 8);
		size_t byte = bit / 8 < at ? bit / 8 : bit / 8 + junk;
		to[byte] ^= (uint8_t)(1 << bit % 8);
	}
	return (struct vn_span){ to, in.n + junk };
}

static void passed_add(struct flow *f, enum vn_direction d, size_t n)
{
	for (unsigned i = 0; f->states && i < f->plan->n; i++)
		if (f->states[i])
			f->states[i]->passed[way_index(d)] += n;
}

/* Nothing of it leaves. */
static void passing_lost(struct passing *p)
{
	struct leaving *l = &p->leaving;

	if (l->answers)
		stats_add(&p->flow->of->shard->stats, STAT_ABANDONED, 1);
	datagram_trace_lost(p->flow, l->trace);
	l->trace = NULL;
}

/* Judges the bytes at VN_ON_DATA, and lets go of what is left of them. */
static void passing_leave(struct passing *p, struct vn_span bytes)
{
	struct flow *f = p->flow;

	if (!p->gone && bytes.n && f->plan->moments & VN_ON_DATA &&
	    passing_judge(p, VN_ON_DATA, bytes, NULL) != VN_PASS)
		p->gone = true;
	datagram_trace_rules(f, p->leaving.trace, p->flags);
	if (p->gone || f->vanished || f->dead) {
		passing_lost(p);
		return;
	}
	bytes.n = p->keep < bytes.n ? p->keep : bytes.n;
	if (f->plan->moments & VN_ON_DATA)
		passed_add(f, p->direction, bytes.n);
	bool spoilt = p->dirt.junk || p->dirt.flips;
	if (spoilt)
		bytes = spoil(p, bytes);
	datagram_leave(f, p->direction, bytes, &p->leaving);
	if (spoilt || p->scratch)       /* the buffer is the next one's */
		outbox_flush(flow_worker(f));
}

/* The exchange is over: an answer to it, if it leaves, belongs to it. */
static void exchange_end(struct passing *p, bool answered)
{
	struct flow *f = p->flow;
	struct exchange *x = p->exchange;
	bool asks = x->asked.role == VN_ASKS;

	if (asks)
		stats_add(&f->of->shard->stats, answered ? STAT_EXCHANGES : STAT_ABANDONED, 1);
	p->leaving.answers = answered && asks;
	p->leaving.began = x->began;
	p->leaving.trace = x->trace;
	x->trace = NULL;
	datagram_trace_rules(f, p->leaving.trace, &x->flags);
	p->own = x->flags;              /* it is still judged by them */
	p->flags = &p->own;
	p->exchange = NULL;
	exchange_remove(&f->exchanges, x);
}

void flow_exchanges_end(struct flow *f)
{
	while (f->exchanges.first) {
		struct passing p = { .flow = f, .exchange = f->exchanges.first };
		exchange_end(&p, false);
		datagram_trace_over(f, p.leaving.trace);
	}
}

/* ---- requests ---- */

/* The rules refuse it: the error leaves in place of the backend's answer, as late as this request
 * and an answer to it would be. */
static void request_refuse(struct passing *p, const struct vn_failure *failure)
{
	struct flow *f = p->flow;
	struct exchange *x = p->exchange;
	struct vn_message asked = p->msg;
	struct vn_session *t = flow_session(f);
	char host[64];
	struct endpoint client = flow_client(f);

	asked.subject = (struct vn_span){ 0 };
	buffer_clear(t->scratch);
	t->client = endpoint_host(&client, host, sizeof host);
	t->report = datagram_report_refused(f, x, failure);
	t->self->word(t, &asked, failure, t->scratch);
	datagram_report_worded(f, x);
	struct vn_span words = vn_buffer_span(t->scratch);
	flow_session_end(f);
	p->direction = VN_RESPONSE;
	p->keep = VN_ALL;
	p->dirt = (struct vn_dirt){ 0 };
	p->gone = !words.n;
	p->scratch = true;
	if (p->exchange)
		exchange_end(p, words.n > 0);
	if (!p->gone && passing_judge(p, VN_ON_RESPONSE, (struct vn_span){ 0 }, NULL) == VN_DROP)
		p->gone = true;
	passing_leave(p, words);
}

/* False: the backend's answer is the error, or is edited to it. *bytes may be another request,
 * which makes it so. */
static bool request_refused(struct passing *p, const struct vn_failure *failure,
                            struct vn_span *bytes)
{
	struct vn_session *t = flow_session(p->flow);
	bool by_backend = t->self->refuse(t, &p->msg, failure, t->scratch) == VN_BY_BACKEND;

	if (by_backend && p->exchange) {
		p->exchange->asked.struck = failure;
		p->exchange->struck_by = p->struck_by;
	}
	if (by_backend && t->scratch->n) {
		*bytes = vn_buffer_span(t->scratch);
		p->scratch = true;
	}
	flow_session_end(p->flow);
	return !by_backend;
}

static void request_drop(struct passing *p)
{
	const struct vn_protocol *of = flow_protocol(p->flow);

	p->gone = true;
	if (of->dropped && of->request && !p->raw) {
		of->dropped(flow_session(p->flow), &p->msg);
		flow_session_end(p->flow);
	}
	if (p->exchange)
		exchange_end(p, false);
	datagram_trace_over(p->flow, p->leaving.trace);
	p->leaving.trace = NULL;
}

/* Opens an exchange, and decides which rules are in. */
static void request_open(struct passing *p)
{
	struct flow *f = p->flow;
	struct worker *w = flow_worker(f);

	p->number = p->msg.role == VN_ASKS || p->msg.role == VN_TELLS ? ++f->asked : f->asked + 1;
	if (p->msg.role == VN_ASKS || p->msg.role == VN_TELLS)
		p->own = flow_flags_new(f, p->number, &p->msg, p->raw);
	if (f->of->shard->recent && p->msg.role == VN_ASKS)
		recent_note(f->of->shard, f->number, p->number, &p->msg);
	if (p->msg.role != VN_ASKS && p->msg.role != VN_AIDS)
		return;
	if (f->exchanges.entries >= DATAGRAM_EXCHANGES) {
		struct passing old = { .flow = f, .exchange = f->exchanges.first };
		exchange_end(&old, false);
		datagram_trace_over(f, old.leaving.trace);
	}
	p->exchange = exchange_add(&f->exchanges, &w->exchanges, p->number, &p->msg, &p->own,
	                           w->loop.now);
	p->flags = &p->exchange->flags;
	if (p->msg.role == VN_ASKS)
		stats_add(&f->of->shard->stats, STAT_ASKED, 1);
	datagram_trace_begin(f, p->exchange, &p->msg);
}

static void request_pass(struct passing *p, struct vn_span bytes)
{
	const struct vn_failure *failure = NULL;

	if (!message_find(p, &bytes))
		p->msg = (struct vn_message){ .role = VN_TELLS, .is = VN_IS_COMMAND,
		                              .verb = "DATA" };
	p->msg.bytes = bytes;
	request_open(p);
	if (p->msg.failure)
		failure = failure_find(flow_protocol(p->flow), p->msg.failure);
	enum vn_fate fate = failure ? VN_REPLY : passing_judge(p, VN_ON_REQUEST, bytes, &failure);
	if (fate == VN_DROP)
		request_drop(p);
	else if (fate == VN_REPLY && failure && request_refused(p, failure, &bytes)) {
		request_refuse(p, failure);
		return;
	}
	passing_leave(p, bytes);
}

/* ---- responses ---- */

static void push_open(struct passing *p)
{
	struct flow *f = p->flow;

	p->number = UNASKED | f->pushed++;
	p->own = flow_flags_new(f, p->number, &p->msg, p->raw);
}

static void response_pass(struct passing *p, struct vn_span bytes)
{
	const struct vn_failure *failure = NULL;
	struct vn_span none = { 0 };

	if (!message_find(p, &bytes))
		p->msg = (struct vn_message){ .role = VN_PUSH, .verb = "DATA" };
	if (p->exchange) {
		uint16_t head = p->msg.head;
		p->number = p->exchange->number;
		p->msg = p->exchange->asked;
		p->msg.head = head;
		exchange_end(p, true);
	} else if (p->msg.role != VN_AIDS) {    /* rules did not see what that answers */
		p->msg.role = VN_PUSH;
		if (!p->msg.verb[0])
			strcpy(p->msg.verb, "PUSH");
		push_open(p);
		p->gone = passing_judge(p, VN_ON_REQUEST, none, &failure) != VN_PASS;
	}
	if (!p->gone && passing_judge(p, VN_ON_RESPONSE, bytes, NULL) != VN_PASS)
		p->gone = true;
	passing_leave(p, bytes);
}

/* ---- both ---- */

void datagram_pass(struct flow *f, enum vn_direction d, uint8_t *bytes, size_t n)
{
	struct vn_span in = { bytes, n };

	if (f->vanished)
		return;
	if (!f->plan->n && !flow_protocol(f)->request && f->watch.fd >= 0) {
		if (d == VN_REQUEST)
			f->asked++;
		datagram_send(f, d, bytes, n);
		return;
	}
	struct passing p = { .flow = f, .direction = d, .keep = VN_ALL,
	                     .leaving.came = f->of->clock };
	p.flags = &p.own;
	if (d == VN_REQUEST)
		request_pass(&p, in);
	else
		response_pass(&p, in);
	holds_unref(p.leaving.why);
}
