/* engine.c - what code below a connection needs of it: conn_later(), doom, rules, session. */
#include "engine/engine.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/hello_fault.h"
#include "tls/link.h"

/* ---- later, and doom ---- */

void conn_later(struct conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	loop_defer(conn_loop(c), &c->later);
}

bool turn_goes_on(struct worker *w)
{
	if (w->turn_ends < 0)
		return false;
	vn_nsec now = w->loop.clock();
	if (!w->turn_ends)
		w->turn_ends = now + w->turn;
	else if (now >= w->turn_ends)
		w->turn_ends = -1;
	return w->turn_ends > 0;
}

void conn_doom(struct conn *c, enum vn_end how, enum close_reason why)
{
	if (c->dead)
		return;
	c->dead = true;
	c->how = (uint8_t)how;
	c->why = (uint8_t)why;
	if (!c->running)
		conn_later(c);
}

void conn_doom_by_rule(struct conn *c, enum vn_end how)
{
	conn_doom(c, how, how == VN_RESET ? CLOSE_REASON_RULE_RESET : CLOSE_REASON_RULE_CLOSED);
}

/* ---- conn_rules, which most connections do not need ---- */

const struct conn_rules no_rules;

struct conn_rules *conn_rules_get(struct conn *c)
{
	if (c->ruled != &no_rules)
		return c->ruled;
	c->ruled = xcalloc(1, sizeof *c->ruled);
	c->ruled->conn = c;
	return c->ruled;
}

void conn_rules_release(struct conn *c)
{
	struct conn_rules *t = c->ruled;

	if (t == &no_rules || c->plan->n || t->wait_timer.slot || t->waits || t->gone_since ||
	    t->opening || t->vanished || t->named)
		return;
	timer_stop(conn_loop(c), &t->end_timer);
	timer_stop(conn_loop(c), &t->rest_timer);
	timer_stop(conn_loop(c), &t->mute_timer);
	hello_fault_free(conn_loop(c), &t->upgrade);
	hello_fault_free(conn_loop(c), &t->hello);
	free(t);
	c->ruled = (struct conn_rules *)&no_rules;
}

/* ---- the session ---- */

struct vn_session *session_begin(struct conn *c)
{
	struct worker *w = c->shard->worker;
	const struct spec *s = c->plan->spec;

	w->alpn[0] = 0;
	if (c->client.tls)
		tls_link_alpn(c->client.tls, w->alpn, sizeof w->alpn);
	w->session = (struct vn_session){
		.self = s->protocol,
		.state = c->state,
		.opts = s->protocol_values.opts,
		.texts = c->texts ? c->texts : &w->texts,
		.scratch = &w->scratch,
		.notice = w->session.notice,
		.backend = s->backend.text,
		.idle = c->idle,
		.tls = c->tls,
		.secure = c->secure,
		.alpn = w->alpn,
		.bound = c->bound,
		.client = "",
		.backend_note = s->backend_note,
		.map = w->address_map.find,
		.elsewhere = w->address_map.elsewhere,
	};
	return &w->session;
}

void session_forget(struct conn *c)
{
	struct vn_session *t = &c->shard->worker->session;

	if (t->state == c->state)
		t->state = NULL;
}

void session_texts_change(struct conn *c)
{
	struct worker *w = c->shard->worker;

	w->session.state = NULL;
	if (!c->texts) {
		c->texts = xmalloc(sizeof *c->texts);
		*c->texts = w->texts;
		text_cache_init(&w->texts, TEXT_CACHE_ROOM);
	} else {
		text_cache_free(c->texts);
		free(c->texts);
		c->texts = NULL;
	}
}

void shard_notice(struct shard *p)
{
	struct vn_session *t = &p->worker->session;
	unsigned i = 0;

	if (!t->notice)
		return;
	while (i < NOTICES && p->noticed[i] && p->noticed[i] != t->notice)
		i++;
	if (i < NOTICES && !p->noticed[i]) {
		p->noticed[i] = t->notice;
		log_warning("proxy=%s: %s", shard_spec(p)->name, t->notice);
	}
	t->notice = NULL;
}
