/* raw.c - connections without messages: their protocol has none, or its parser has given up. */
#include "engine/raw.h"

#include <stdio.h>

#include "base/journal.h"
#include "base/log.h"
#include "engine/address_map.h"
#include "engine/conn_exchange.h"
#include "engine/pipe.h"
#include "engine/requests.h"
#include "engine/responses.h"

/* ---- turns ---- */

/* Its client does not wait any more. */
static void turn_answered(struct conn *c)
{
	if (c->turn_waits)
		stats_add(&c->shard->stats, STAT_TURNS, (uint64_t)-1);
	c->turn_waits = false;
}

/* Ends the open turn. It was answered when the backend's last byte came, or left the queue. */
static void turn_over(struct conn *c)
{
	for (struct exchange *x; (x = c->exchanges.first); exchange_over(c)) {
		if (x->trace)
			exchange_trace_over(c, x);
		if (x->asked.role == VN_ASKS) {
			stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
			stats_add(&c->shard->stats, STAT_ASKED, 1);
			fine_note(&c->shard->stats.answered, x->last - x->began);
		}
	}
	if (c->turn_kind == ASKED) {
		stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
		stats_add(&c->shard->stats, STAT_ASKED, 1);
		fine_note(&c->shard->stats.answered, c->turn.last - c->turn.began);
	}
	c->turn_kind = NO_TURN;
}

void exchanges_end(struct conn *c)
{
	turn_answered(c);
	if (c->response.raw && c->spoke)
		turn_over(c);
	while (c->exchanges.first)
		exchange_abandoned(c);
}

static void turn_begin(struct conn *c)
{
	turn_over(c);
	c->spoke = false;
	if (!c->turn_waits)
		stats_add(&c->shard->stats, STAT_TURNS, 1);
	c->turn_waits = true;
	if (c->response.work->now.open)
		message_forget(&c->response.work->now);
}

/* The same without rules: only the times of the turn are kept. */
static void turn_plain(struct conn *c, enum vn_direction d)
{
	struct pipe *p = d == VN_REQUEST ? &c->request : &c->response;
	vn_nsec now = conn_loop(c)->now;

	if (d == VN_RESPONSE) {
		c->spoke = true;
		turn_answered(c);
		if (!c->turn_kind) {
			c->turn.began = now;
			c->turn_kind = PUSHED;
			c->pushed++;
		}
		c->turn.last = now;
	} else if (c->spoke || !c->turn_kind) {
		turn_begin(c);
		c->turn = (struct turn){ now, now };
		c->turn_kind = ASKED;
		c->asked++;
		pipe_open(p, &(struct vn_message){ .role = VN_ASKS });
	}
	if (!p->work->now.open)
		pipe_open(p, &(struct vn_message){
				     .role = d == VN_REQUEST ? VN_ASKS : VN_ANSWERS });
}

void raw_turn_meet_rules(struct conn *c)
{
	enum turn_kind kind = c->turn_kind;
	bool greeting = c->pushed == 1 && !c->asked;
	struct vn_message msg = { .role = kind == ASKED ? VN_ASKS : VN_PUSH };

	c->turn_kind = NO_TURN;
	if (!kind)
		return;
	snprintf(msg.verb, sizeof msg.verb, "%s",
	         kind == ASKED ? "DATA" :
	         greeting      ? "GREETING" :
	                         "PUSH");
	msg.is = kind == PUSHED && greeting ? VN_IS_OPENING : 0;
	uint64_t number = kind == ASKED ? c->asked : greeting ? 0 : UNASKED | (c->pushed - 1);
	exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, &msg,
	              &(struct rule_flags){ 0 }, c->turn.began)
		->last = c->turn.last;
}

/* More bytes of a turn that the rules have judged. */
static bool raw_goes_on(struct conn *c, struct exchange *x)
{
	if (x->trace)
		x->trace->asked = conn_loop(c)->now;
	return c->request.work->now.open;
}

/* The rules judge the turn, which is new or which they have not met. */
static void raw_ask(struct conn *c, struct vn_message *ask, struct vn_span piece)
{
	struct exchange *x = exchange_head(c);

	if (x) {
		x->dropped = false;     /* the new rules decide */
	} else {
		x = exchange_new(c, ++c->asked, ask);
		exchange_trace_if(c, x, ask, false);
	}
	pipe_open(&c->request, ask);
	request_apply_rules(c, x, ask, piece);
}

void raw_turn(struct conn *c, enum vn_direction d, struct vn_span piece)
{
	bool told = journal_wants(JOURNAL_EXCHANGE);

	if (told && c->response.raw)
		raw_turn_meet_rules(c);         /* its exchange has a trace */
	struct exchange *x = c->exchanges.first;
	if (!c->plan->n && !x && c->response.raw && !told) {
		turn_plain(c, d);
		return;
	}
	struct vn_message ask = { .role = VN_ASKS, .verb = "DATA" };
	if (d == VN_REQUEST) {
		if (!c->response.raw) {         /* earlier requests are still being answered */
			if (!c->request.work->now.open)
				pipe_open(&c->request, &ask);
			return;
		}
		if (c->spoke || !x)
			turn_begin(c);
		else if (raw_goes_on(c, x))
			return;
		raw_ask(c, &ask, piece);
		return;
	}
	c->spoke = true;
	turn_answered(c);
	if (x)
		x->last = conn_loop(c)->now;
	else
		c->turn.last = conn_loop(c)->now;
	if (c->response.work->now.open)
		return;
	x = exchange_head(c);
	if (!x && !(x = unsolicited_begin(c)))
		return;
	pipe_open(&c->response, &(struct vn_message){ .role = VN_ANSWERS });
	c->response.work->now.exchange = x;
	if (exchange_needs_us(x))
		c->response.work->now.gone = true;
	else
		response_judge(c, x, 0, piece);
	if (x->trace && !c->response.work->now.holds && !c->response.work->now.gone)
		exchange_trace_spoke(c, x);
}

/* ---- going raw ---- */

static bool raw_turn_owes_refusal(const struct conn *c)
{
	for (const struct exchange *x = c->exchanges.first; x; x = x->next)
		if (exchange_needs_us(x))
			return true;
	return c->request.work->now.gone;
}

static void tell_raw(struct conn *c, enum vn_direction d, const char *why)
{
	struct journal_entry n;

	journal_begin(&n, JOURNAL_RAW, conn_loop(c)->now, shard_spec(c->shard)->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "direction", d == VN_REQUEST ? "request" : "response");
	journal_text(&n, "why", why);
	journal_write(&n);
}

/* Nobody reads the addresses that its server names from now on. */
static void tell_bypass(struct conn *c, const char *why)
{
	struct journal_entry n;

	if (!journal_wants(JOURNAL_BYPASS))
		return;
	journal_begin(&n, JOURNAL_BYPASS, conn_loop(c)->now, shard_spec(c->shard)->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "why", why);
	journal_write(&n);
}

static void raw_warn(struct conn *c, enum vn_direction d, const char *why)
{
	bool bypass = address_map_rewrites(c->shard);

	log_warning("raw proxy=%s connection=%llu direction=%s: %s; rules that need messages "
	            "cannot strike it%s", shard_spec(c->shard)->name,
	            (unsigned long long)c->number, d == VN_REQUEST ? "request" : "response", why,
	            bypass ? ", and addresses that its server names are no longer changed: "
	                     "clients that connect to them bypass the proxies" : "");
	if (bypass)
		tell_bypass(c, why);
}

/* A leg on which TLS must begin by a request, and has not: nothing passes there in plain text. */
static bool raw_refused(struct conn *c)
{
	bool client = c->tls & VN_TLS_CLIENT_MUST && !(c->secure & VN_LEG_CLIENT),
	     backend = c->tls & VN_TLS_BACKEND && !(c->secure & VN_LEG_BACKEND);

	if (!conn_protocol(c)->secure || (!client && !backend))
		return false;
	conn_doom(c, VN_RESET, backend ? CLOSE_REASON_BACKEND_TLS : CLOSE_REASON_CLIENT_TLS);
	return true;
}

void conn_go_raw(struct conn *c, struct pipe *p, const char *why)
{
	why = why ? why : "the bytes are not understood";
	if (raw_refused(c)) {
		log_warning("proxy=%s connection=%llu: closed, as TLS has not begun: %s",
		            shard_spec(c->shard)->name, (unsigned long long)c->number, why);
		c->shard->worker->session.notice = NULL;
		return;
	}
	if (journal_wants(JOURNAL_RAW))
		tell_raw(c, p->direction, why);
	raw_warn(c, p->direction, why);
	if (!c->raw_counted)
		stats_add(&c->shard->stats, STAT_RAW, 1);
	c->raw_counted = true;
	c->shard->worker->session.notice = NULL;
	if (p->direction == VN_RESPONSE && raw_turn_owes_refusal(c)) {
		conn_doom(c, VN_RESET, CLOSE_REASON_LOST);
		return;
	}
	c->request.raw = true;
	pipe_open(&c->request, &(struct vn_message){ 0 });
	c->request.work->now.open = false;
	message_forget(&c->request.work->sequel);
	pipe_wake(&c->request);
	if (p->direction == VN_RESPONSE || !c->exchanges.first) {
		while (c->exchanges.first) {
			if (c->exchanges.first->asked.struck)
				response_unedited(c, c->exchanges.first, NULL);
			exchange_abandoned(c);
		}
		c->response.raw = c->spoke = true;
		pipe_open(&c->response, &(struct vn_message){ 0 });
		c->response.work->now.open = false;
	}
}
