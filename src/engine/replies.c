/* replies.c - error replies that the engine writes in the server's format. */
#include "engine/replies.h"

#include <stdio.h>
#include <string.h>

#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/piece.h"
#include "engine/requests.h"
#include "net/address.h"
#include "net/socket.h"

static bool waits_for_us(const struct exchange *x)
{
	return exchange_needs_us(x) && x->sent && !x->discard_replies;
}

/* Answers by id do not wait for those to older requests; an end does. */
static SELDOM struct exchange *waiting_find(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	while (x && (!waits_for_us(x) || x->end))
		x = x->next;
	if (x)
		exchange_advance(&c->exchanges, x);
	return x;
}

bool reply_due(struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	if (!x || c->response.ended || c->response.eof)
		return false;
	if (waits_for_us(x))
		return true;
	return conn_protocol(c)->answers && c->plan->n && waiting_find(c);
}

/* The code as the server sends it, without what follows it: "1213/40001", "503 Service ...". */
static SELDOM struct vn_report *report_of(struct conn *c, const struct vn_failure *f)
{
	struct vn_report *r = &c->shard->worker->report;

	*r = (struct vn_report){ .given = SIZE_MAX };
	snprintf(r->code, sizeof r->code, "%.*s", (int)strcspn(f->code, "/ "), f->code);
	return r;
}

enum vn_end reply_write(struct conn *c, struct exchange *x, const struct vn_failure *f,
                        struct holds *late)
{
	struct vn_session *t = conn_session(c);
	struct endpoint peer;
	char client[64] = "";

	if (socket_peer(c->client.watch.fd, &peer))
		endpoint_host(&peer, client, sizeof client);
	t->client = client;
	t->reset = false;
	t->report = x && (x->trace || errors_counted()) ? report_of(c, f) : NULL;
	t->self->word(t, x ? &x->asked : NULL, f, t->scratch);
	t->client = "";
	conn_session_end(c);
	if (t->report && t->scratch->n) {
		stats_add(&c->shard->stats, STAT_ERRORS, t->report->code[0] != 0);
		if (x->trace)
			exchange_trace_worded(x, t->report->code);
	}
	enum vn_end end = t->reset ? VN_RESET : t->close ? VN_CLOSE : VN_STAY;
	pipe_insert(&c->response, vn_buffer_span(t->scratch), x, late);
	return end;
}

/* A server that crashes does not end its TLS in order. */
static bool ends_without_a_word(const struct vn_failure *f)
{
	return strcmp(f->code, "FIN") == 0 || strcmp(f->code, "RST") == 0;
}

void reply_send(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	enum vn_end end = x->end;

	if (x->failure) {
		struct holds *late;
		struct judgement j;
		struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE,
		                      .msg = &x->asked, .exchange = x->number, .flags = &x->flags };
		late = conn_judge(c, &q, &j) ? holds_make(x->late, &j) : holds_ref(x->late);
		x->asked.note &= ~VN_NOTE_SUBSTITUTE;
		enum vn_end worded = reply_write(c, x, x->failure, late);
		if (worded == VN_RESET || !end)
			end = worded;
		holds_unref(late);
		if (ends_without_a_word(x->failure))
			c->client.curt = c->backend.curt = true;
		exchange_answered(c);
		if (c->no_sequel)
			sequel_forget(c);
	} else if (!x->end) {
		exchange_abandoned(c);
	}
	pipe_wake(&c->request);
	if (end != VN_STAY)
		pipe_end(&c->response, end);
}
