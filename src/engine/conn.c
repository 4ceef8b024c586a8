/* conn.c - a client and a backend, from accept to close: what befalls a connection as a whole.
 *
 * All that happens ends in conn_run: both pipes go as far as they go, then it is seen whether the
 * connection rests, is stuck, or is over. There is one way to die, conn_end; it may be called
 * twice, and memory goes at the end of the loop's round. */
#include "engine/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/requests.h"
#include "engine/conn_rules.h"
#include "net/drain.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/conn_timers.h"
#include "engine/shard.h"
#include "engine/worker.h"

enum { FAIR = 8 };                      /* rounds of both pipes in one go: the other connections wait meanwhile */

/* ---- sides ---- */

static void side_note(struct side *s, unsigned events)
{
	s->writable |= !!(events & EPOLLOUT);
	s->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->hup |= !!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->broken |= !!(events & EPOLLERR);
}

static void client_ready(struct watch *w, unsigned events)
{
	struct conn *c = OWNER(conn, client.watch, w);

	side_note(&c->client, events);
	conn_run(c);
}

static void backend_ready(struct watch *w, unsigned events)
{
	struct conn *c = OWNER(conn, backend.watch, w);

	if (c->attempt) {
		connect_attempt_ready(c->attempt, events);
		events &= ~(unsigned)EPOLLOUT;
	}
	if (!c->backend.open || !events)
		return;
	side_note(&c->backend, events);
	conn_run(c);
}

/* That there is something to read is told as an event. */
static void side_open(struct side *s)
{
	s->open = s->writable = true;
}

const char *side_peer(const struct side *s, char *buffer, size_t size)
{
	struct endpoint e = { .len = sizeof e.addr };

	if (s->watch.fd < 0 || getpeername(s->watch.fd, (struct sockaddr *)&e.addr, &e.len))
		snprintf(buffer, size, "gone");
	else
		endpoint_show(&e, buffer, size);
	return buffer;
}

/* `said`: the peer's own end has been read. */
static void side_close(struct conn *c, struct side *s, enum vn_end how, bool said)
{
	int fd = s->watch.fd;

	if (fd < 0)
		return;
	s->watch.fd = -1;
	s->open = false;
	if (how == VN_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	if (how == VN_RESET || said || s->broken) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	drain_start(c->shard->worker, fd);
}

/* ---- what most connections do without ---- */

static const struct conn_rules no_rules;

struct conn_rules *conn_rules_get(struct conn *c)
{
	if (c->ruled != &no_rules)
		return c->ruled;
	c->ruled = xcalloc(1, sizeof *c->ruled);
	c->ruled->conn = c;
	conn_timer_init(c);
	return c->ruled;
}

void conn_rules_release(struct conn *c)
{
	struct conn_rules *t = c->ruled;

	if (t == &no_rules || c->plan->n || t->wait_timer.slot || t->waits || t->gone_since || t->opening || t->vanished)
		return;
	timer_stop(conn_loop(c), &t->end_timer);
	timer_stop(conn_loop(c), &t->rest_timer);
	free(t);
	c->ruled = (struct conn_rules *)&no_rules;
}

struct vn_session *talk_begin(struct conn *c)
{
	struct worker *w = c->shard->worker;
	const struct spec *s = c->plan->spec;

	w->talk = (struct vn_session){ .self = s->protocol, .state = c->state, .opts = s->protocol_values.opts, .texts = c->texts ? c->texts : &w->texts,
	                         .scratch = &w->scratch, .notice = w->talk.notice, .backend = s->backend.text, .idle = c->idle };
	return &w->talk;
}

void conn_silent(struct conn *c)
{
	struct vn_session *t = &c->shard->worker->talk;

	if (t->state == c->state)
		t->state = NULL;
}

void texts_change(struct conn *c)
{
	struct worker *w = c->shard->worker;

	w->talk.state = NULL;
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

/* ---- life and death ---- */

static void conn_free(struct mail *m)
{
	struct conn *c = OWNER(conn, later, m);

	if (c->plan->spec->protocol->forget)
		c->plan->spec->protocol->forget(c->state);
	conn_silent(c);
	plan_unref(c->plan);
	pipe_work_release(&c->request);
	pipe_work_release(&c->response);
	if (c->ruled != &no_rules)
		free(c->ruled);
	free(c);
}

static void states_free(struct conn *c)
{
	for (unsigned i = 0; c->ruled->states && i < c->plan->n; i++)
		rule_state_free(&c->plan->rules[i], c->ruled->states[i]);
	free(c->ruled->states);
	if (c->ruled != &no_rules)
		c->ruled->states = NULL;
}

static void tell_closed(struct conn *c, enum vn_end how, enum close_reason why)
{
	struct journal_entry n;

	journal_begin(&n, JOURNAL_CLOSED, conn_loop(c)->now, shard_spec(c->shard)->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "reason", close_reason_names[why].name);
	journal_text(&n, "how", how == VN_RESET ? "reset" : "close");
	journal_seconds(&n, "age", conn_loop(c)->now - c->since);
	journal_count(&n, "exchanges", c->asked);
	journal_count(&n, "request_received", c->request.came);
	journal_count(&n, "request_sent", c->request.sent);
	journal_count(&n, "response_received", c->response.came);
	journal_count(&n, "response_sent", c->response.sent);
	journal_write(&n);
}

void conn_end(struct conn *c, enum vn_end how, enum close_reason why)
{
	if (c->dead)
		return;
	c->dead = true;
	log_debug("closed proxy=%s connection=%llu why=\"%s\"", shard_spec(c->shard)->name, (unsigned long long)c->number,
	          close_reason_names[why].text);
	if (journal_wants(JOURNAL_CLOSED))
		tell_closed(c, how, why);
	side_close(c, &c->client, how, c->request.eof);
	side_close(c, &c->backend, how, c->response.eof);
	connect_attempt_stop(c->attempt);
	if (c->spare >= 0)
		close(c->spare);
	timer_stop(conn_loop(c), &c->ruled->end_timer);
	timer_stop(conn_loop(c), &c->ruled->wait_timer);
	timer_stop(conn_loop(c), &c->ruled->rest_timer);
	pipe_free(&c->request);
	pipe_free(&c->response);
	exchanges_end(c);
	if (c->texts)
		text_cache_free(c->texts);
	free(c->texts);
	holds_unref(c->ruled->opening);
	states_free(c);
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	stats_add(&c->shard->stats, STAT_CLOSED, 1);
	count_add(&c->shard->stats.ended[why], 1);
	if (c->raw_counted)
		stats_add(&c->shard->stats, STAT_RAW_CLOSED, 1);
	shard_slot_freed(c->shard);
	if (!c->queued) {
		c->later.open = conn_free;
		loop_defer(conn_loop(c), &c->later);
	}
}

void conn_end_by_rule(struct conn *c, enum vn_end end)
{
	conn_end(c, end, end == VN_RESET ? CLOSE_REASON_RULE_RESET : CLOSE_REASON_RULE_CLOSED);
}

static void conn_late(struct mail *m)
{
	struct conn *c = OWNER(conn, later, m);

	c->queued = false;
	if (c->dead)
		conn_free(m);
	else
		conn_run(c);
}

void conn_later(struct conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	c->later.open = conn_late;
	loop_defer(conn_loop(c), &c->later);
}

/* ---- the whole ---- */

static void conn_notice(struct conn *c)
{
	struct vn_session *t = &c->shard->worker->talk;

	if (t->notice && !c->shard->noticed)
		log_warning("proxy=%s: %s", shard_spec(c->shard)->name, t->notice);
	c->shard->noticed |= !!t->notice;
	t->notice = NULL;
}

void conn_run(struct conn *c)
{
	if (c->running || c->dead)
		return;
	c->running = true;
	c->again = true;
	for (unsigned rounds = 0; c->again && !c->dead && rounds < FAIR; rounds++) {
		c->again = false;
		pipe_pump(&c->request);
		while (!c->dead && reply_due(c) && (!c->response.work->now.open || c->response.raw))
			reply_send(c);
		pipe_pump(&c->response);
	}
	if (c->again && !c->dead)
		conn_later(c);
	if (!c->dead && c->response.shut && c->request.ended && !pipe_waits(&c->request))
		conn_end(c, VN_CLOSE, CLOSE_REASON_BACKEND_ENDED);
	if (!c->dead && (c->client.broken || c->backend.broken))
		conn_end(c, VN_RESET, c->client.broken ? CLOSE_REASON_CLIENT_RESET : CLOSE_REASON_BACKEND_RESET);
	if (!c->dead)
		conn_timer_rest(c);
	if (!c->dead) {
		conn_notice(c);
		conn_timer_arm(c);
		pipe_work_release(&c->request);
		pipe_work_release(&c->response);
	}
	c->running = false;
}

/* ---- opening ---- */

static void conn_connected(void *whom, int fd, const char *why)
{
	struct conn *c = whom;

	c->attempt = NULL;
	if (fd < 0) {
		log_warning("proxy=%s connection=%llu backend=%s: %s; its client is reset", shard_spec(c->shard)->name,
		            (unsigned long long)c->number, shard_spec(c->shard)->backend.text, why);
		conn_end(c, VN_RESET, CLOSE_REASON_NO_BACKEND);
		return;
	}
	socket_set_nodelay_keepalive(fd);
	side_open(&c->backend);
	c->active = conn_loop(c)->now;
	conn_run(c);
}

void conn_connect(struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);

	int spare = c->spare;

	c->spare = -1;
	if (c->ruled->opening) {
		holds_unref(c->ruled->opening);
		c->ruled->opening = NULL;
		c->ruled->waits = 0;
	}
	c->attempt = connect_attempt_start(conn_loop(c), c->shard->worker->resolver, &s->backend, s->timeout, spare, &c->backend.watch, conn_connected, c);
}

/* Before the dial: lets it wait, as the rules say. */
void conn_schedule(struct conn *c)
{
	vn_nsec late = holds_total(c->ruled->opening);

	if (!late)
		conn_connect(c);
	else
		c->ruled->waits = late == VN_NEVER ? VN_NEVER : c->active + late;
}

static struct conn *conn_new(struct shard *shard, int spare, uint64_t number)
{
	const struct spec *s = shard_spec(shard);
	struct conn *c = xcalloc(1, sizeof *c + s->protocol->state_size);
	c->shard = shard;
	c->number = number;
	c->spare = spare;
	c->client.watch = (struct watch){ -1, client_ready };
	c->backend.watch = (struct watch){ -1, backend_ready };
	pipe_init(&c->request, c, VN_REQUEST);
	pipe_init(&c->response, c, VN_RESPONSE);
	c->request.raw = c->response.raw = !s->protocol->request;
	c->logged_in = !s->protocol->login;
	c->since = c->active = conn_loop(c)->now;
	c->plan = plan_ref(shard->plan);
	c->ruled = (struct conn_rules *)&no_rules;
	if (c->plan->n) {
		conn_rules_get(c)->states = xcalloc(c->plan->n, sizeof *c->ruled->states);
	}
	c->next = shard->conns;
	c->link = &shard->conns;
	if (c->next)
		c->next->link = &c->next;
	shard->conns = c;
	return c;
}

static void say_opened(const struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);
	bool told = journal_wants(JOURNAL_OPENED);
	struct journal_entry n;
	char text[128];

	if (log_threshold > LOG_DEBUG && !told)
		return;
	side_peer(&c->client, text, sizeof text);
	log_debug("opened proxy=%s connection=%llu client=%s", s->name, (unsigned long long)c->number, text);
	if (!told)
		return;
	journal_begin(&n, JOURNAL_OPENED, c->since, s->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "client", text);
	journal_text(&n, "backend", s->backend.text);
	journal_write(&n);
}

void conn_open(struct shard *shard, int fd, int spare, uint64_t number)
{
	struct conn *c = conn_new(shard, spare, number);
	struct exchange *x;

	stats_add(&shard->stats, STAT_OPENED, 1);
	c->client.watch.fd = fd;
	loop_watch(conn_loop(c), &c->client.watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	side_open(&c->client);
	say_opened(c);
	loop_clock(conn_loop(c));
	if (!conn_judge_open(c))
		return;
	if (conn_protocol(c)->server_first && !(x = unsolicited_begin(c)))
		return;
	if (!c->exchanges.first || !c->exchanges.first->failure)
		conn_schedule(c);
	conn_run(c);
}

