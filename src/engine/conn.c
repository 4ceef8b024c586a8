/* conn.c - lifetime of a connection: open, run, tear down.
 *
 * All events end in conn_run(). It moves bytes both ways until nothing moves. Then it checks
 * whether the connection rests, is stuck, or is over. Code below only marks a connection:
 * conn_doom(). It is torn down here and nowhere else. Its memory is freed at the end of the loop's
 * round. */
#include "engine/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/journal.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/birth.h"
#include "engine/conn_events.h"
#include "engine/conn_hello.h"
#include "engine/conn_rules.h"
#include "engine/conn_timers.h"
#include "engine/conn_trace.h"
#include "engine/handshake.h"
#include "engine/hello_fault.h"
#include "engine/listener.h"
#include "engine/pipe.h"
#include "engine/pump.h"
#include "engine/raw.h"
#include "engine/replies.h"
#include "engine/responses.h"
#include "engine/side.h"
#include "engine/transport.h"
#include "net/socket.h"

enum { FAIR = 8 };                      /* rounds of both pipes before others get their turn */

/* ---- events of the two sockets ---- */

static void client_ready(struct watch *w, unsigned events)
{
	struct conn *c = OWNER(conn, client.watch, w);

	side_note(&c->client, events);
	if (c->client.tls)
		transport_ready(c, &c->client);
	conn_run(c);
}

static void backend_ready(struct watch *w, unsigned events)
{
	struct conn *c = OWNER(conn, backend.watch, w);

	if (c->attempt) {
		connect_attempt_ready(c->attempt, events);
		events &= ~(unsigned)EPOLLOUT;
	}
	if (!(c->backend.open || (c->shake && !c->attempt)) || !events)
		return;
	side_note(&c->backend, events);
	if (c->backend.tls)
		transport_ready(c, &c->backend);
	conn_run(c);
}

/* ---- teardown ---- */

static void conn_free(struct conn *c)
{
	if (c->plan->spec->protocol->forget)
		c->plan->spec->protocol->forget(c->state);
	session_forget(c);
	birth_free(c->born);
	plan_unref(c->plan);
	pipe_work_release(&c->request);
	pipe_work_release(&c->response);
	free(c->ruled->named);
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

/* The event of a connection that has ended. It is written when it is known whether the client
 * closes, too. */
struct last_words {
	struct drain_note note;
	bool fin;                       /* the client got a FIN, or had sent one */
	struct journal_entry entry;
};

static void last_words_write(struct drain_note *note, bool closed)
{
	struct last_words *l = OWNER(last_words, note, note);

	if (l->fin)
		journal_is(&l->entry, "client_closed", closed);
	else
		journal_null(&l->entry, "client_closed");
	journal_write(&l->entry);
	free(l);
}

static SELDOM struct drain_note *last_words_make(struct conn *c)
{
	struct last_words *l = xmalloc(sizeof *l);

	l->note.over = last_words_write;
	l->fin = c->how != VN_RESET && !c->client.broken;
	conn_closed_begin(&l->entry, &(struct conn_closed){
		.proxy = shard_spec(c->shard)->name, .number = c->number, .why = c->why,
		.reset = c->how == VN_RESET, .now = conn_loop(c)->now, .since = c->since,
		.exchanges = c->asked, .request = { c->request.came, c->request.sent },
		.response = { c->response.came, c->response.sent } });
	return &l->note;
}

static void conn_count_end(struct conn *c)
{
	stats_add(&c->shard->stats, STAT_CLOSED, 1);
	count_add(&c->shard->stats.ended[c->why], 1);
	if (c->raw_counted)
		stats_add(&c->shard->stats, STAT_RAW_CLOSED, 1);
}

/* The memory is freed at the end of the loop's round, whose events may still point at it. */
static void conn_teardown(struct conn *c)
{
	c->gone = true;
	conn_closed_log(shard_spec(c->shard)->name, c->number, c->why);
	conn_traces_end(c);
	if (c->request.came && c->plan->n)
		conn_hello_plain(c);
	side_close(c, &c->client, c->how, c->request.eof,
	           journal_wants(JOURNAL_CLOSED) ? last_words_make(c) : NULL);
	/* an alert that says why must reach the backend */
	side_close(c, &c->backend, c->why == CLOSE_REASON_BACKEND_TLS ? VN_CLOSE : c->how,
	           c->response.eof, NULL);
	handshake_free(c);
	connect_attempt_stop(c->attempt);
	if (c->spare >= 0)
		close(c->spare);
	timer_stop(conn_loop(c), &c->ruled->end_timer);
	timer_stop(conn_loop(c), &c->ruled->wait_timer);
	timer_stop(conn_loop(c), &c->ruled->rest_timer);
	timer_stop(conn_loop(c), &c->ruled->mute_timer);
	hello_fault_free(conn_loop(c), &c->ruled->upgrade);
	hello_fault_free(conn_loop(c), &c->ruled->hello);
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
	conn_count_end(c);
	listener_slot_freed(c->shard);
	conn_later(c);
}

void conn_end(struct conn *c, enum vn_end how, enum close_reason why)
{
	conn_doom(c, how, why);
	if (!c->running && !c->gone)
		conn_teardown(c);
}

static void conn_late(struct mail *m)
{
	struct conn *c = OWNER(conn, later, m);

	c->queued = false;
	if (c->gone)
		conn_free(c);
	else
		conn_run(c);
}

/* ---- running ---- */

static void conn_connect(struct conn *);

/* Moves both pipes until nothing moves, for at most FAIR rounds, and until the turn is over. */
static void conn_pump(struct conn *c)
{
	struct worker *w = c->shard->worker;

	c->again = true;
	w->turn_ends = 0;
	for (unsigned rounds = 0; c->again && !c->dead && rounds < FAIR; rounds++) {
		if (w->turn_ends < 0)
			break;
		c->again = false;
		pipe_pump(&c->request);
		while (!c->dead && reply_due(c) && (!c->response.work->now.open || c->response.raw))
			reply_send(c);
		pipe_pump(&c->response);
	}
	if (c->again && !c->dead)
		conn_later(c);
}

/* Notes that the client gives up what it waits for, and since when a stalled one has asked. */
static SELDOM void conn_check_left(struct conn *c)
{
	if (c->request.eof || c->client.hup) {
		c->left = true;
		conn_gave_up(c, c->client.broken ? "reset" : "closed");
	} else if (c->ruled->stalled && c->client.readable && !c->ruled->unread) {
		conn_rules_get(c)->unread = conn_loop(c)->now;
	}
}

/* Dooms the connection if it is over. */
static void conn_check_end(struct conn *c)
{
	if ((c->request.eof || c->client.hup || c->ruled->stalled) && !c->left)
		conn_check_left(c);
	if (c->response.shut && c->request.ended && !pipe_waits(&c->request))
		conn_doom(c, VN_CLOSE, CLOSE_REASON_BACKEND_ENDED);
	if (c->client.broken || c->backend.broken)
		conn_doom(c, VN_RESET,
		          c->client.broken ? CLOSE_REASON_CLIENT_RESET :
		                             CLOSE_REASON_BACKEND_RESET);
	if (c->ending)
		conn_doom_by_rule(c, c->ending);
}

static void conn_rest(struct conn *c)
{
	shard_notice(c->shard);
	conn_timer_arm(c);
	pipe_work_release(&c->request);
	pipe_work_release(&c->response);
}

void conn_run(struct conn *c)
{
	if (c->running || c->gone)
		return;
	c->running = true;
	if (c->connect_due && !c->dead)
		conn_connect(c);
	if (c->shake && !c->dead)
		handshake_run(c);
	if (!c->dead)
		conn_pump(c);
	if (c->ruled->hello && !c->dead)
		conn_hello_run(c);
	if (!c->dead)
		conn_check_end(c);
	if (!c->dead)
		conn_timer_rest(c);
	if (!c->dead)
		conn_rest(c);
	c->running = false;
	if (c->dead) {
		shard_notice(c->shard);
		conn_teardown(c);
	}
}

/* ---- opening ---- */

/* The address that it connects to. */
static const char *conn_backend(const struct conn *c, char *buffer, size_t size)
{
	if (c->born && !c->born->elsewhere)
		return endpoint_show(&c->born->to, buffer, size);
	return shard_spec(c->shard)->backend.text;
}

static void conn_connected(void *whom, int fd, const char *why)
{
	struct conn *c = whom;

	c->attempt = NULL;
	if (fd < 0) {
		char text[128];
		log_warning("proxy=%s connection=%llu backend=%s: %s; its client is reset",
		            shard_spec(c->shard)->name, (unsigned long long)c->number,
		            conn_backend(c, text, sizeof text), why);
		conn_end(c, VN_RESET, CLOSE_REASON_NO_BACKEND);
		return;
	}
	socket_set_nodelay_keepalive(fd);
	handshake_connected(c);
	c->active = conn_loop(c)->now;
	conn_run(c);
}

/* To the address that the client wanted, with the socket that it was born with, if there is one. */
static void conn_connect_born(struct conn *c, vn_nsec timeout)
{
	struct birth *b = c->born;
	int fd = b->backend;

	b->backend = -1;
	c->attempt = connect_attempt_to(&c->shard->worker->connector, &b->to, timeout, fd,
	                                b->connected, &c->backend.watch, conn_connected, c);
}

static void conn_connect(struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);
	int spare = c->spare;

	c->spare = -1;
	c->connect_due = false;
	if (c->ruled->opening) {
		holds_unref(c->ruled->opening);
		c->ruled->opening = NULL;
		c->ruled->waits = 0;
	}
	if (c->born && !c->born->elsewhere) {
		conn_connect_born(c, s->timeout);
		return;
	}
	c->attempt = connect_attempt_start(&c->shard->worker->connector, &s->backend, s->timeout,
	                                   spare, &c->backend.watch, conn_connected, c);
}

void conn_connect_when_due(struct conn *c)
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
	c->later.open = conn_late;
	c->client.watch = (struct watch){ -1, client_ready };
	c->backend.watch = (struct watch){ -1, backend_ready };
	pipe_init(&c->request, c, VN_REQUEST);
	pipe_init(&c->response, c, VN_RESPONSE);
	c->request.raw = c->response.raw = !s->protocol->request;
	c->logged_in = !s->protocol->login;
	c->since = c->active = conn_loop(c)->now;
	c->plan = plan_ref(shard->plan);
	c->ruled = (struct conn_rules *)&no_rules;
	if (c->plan->n)
		conn_rules_get(c)->states = xcalloc(c->plan->n, sizeof *c->ruled->states);
	c->next = shard->conns;
	c->link = &shard->conns;
	if (c->next)
		c->next->link = &c->next;
	shard->conns = c;
	return c;
}

static void journal_opened(const struct conn *c)
{
	char text[128];

	if (!conn_opened_is_read())
		return;
	side_peer(&c->client, text, sizeof text);
	conn_opened_write(shard_spec(c->shard), c->number, c->since, text, c->born);
}

void conn_open(struct shard *shard, int fd, int spare, uint64_t number, struct birth *born)
{
	loop_clock(&shard->worker->loop);
	struct conn *c = conn_new(shard, spare, number);

	stats_add(&shard->stats, STAT_OPENED, 1);
	c->born = born;
	c->client.watch.fd = fd;
	if (!loop_watch(conn_loop(c), &c->client.watch,
	                EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
		log_error("proxy=%s: %s", shard_spec(shard)->name, strerror(errno));
		conn_doom(c, VN_RESET, CLOSE_REASON_NO_BACKEND);
	}
	handshake_accepted(c);
	journal_opened(c);
	if (!c->dead)
		conn_judge_open(c);
	if (!c->dead && conn_protocol(c)->server_first)
		unsolicited_begin(c);
	else if (!c->dead && c->plan->at_accept)
		accept_judge(c);
	if (!c->dead && (!c->exchanges.first || !c->exchanges.first->failure))
		conn_connect_when_due(c);
	conn_run(c);
}
