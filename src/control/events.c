/* events.c - delivery of events to subscribers, each with a bounded buffer. */
#include "control/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/outlet.h"
#include "base/ring.h"
#include "base/suggest.h"

enum {
	RING_ROOM       = 1 << 20,      /* bytes */
	SUBSCRIBER_ROOM = 1 << 18,      /* bytes of a subscriber's buffer */
	PIECE           = 4096,         /* PIPE_BUF: a writable pipe takes such a piece whole */
};

#define RETRY (20 * VN_MS)              /* after a write that would have blocked */

static struct {
	struct loop *loop;
	struct watch ring;
	struct subscriber *subscribers;
	uint64_t last;                  /* id of the last event, from 1 */
	uint64_t lost;
	struct file {                   /* --events */
		struct subscriber subscriber;
		struct outlet outlet;   /* fd -1: none */
		struct timer retry;
	} file;
} events = { .file.outlet.fd = -1 };

/* ---- subscribers ---- */

/* Writers of the journal write only types that a subscriber wants. */
static void update_wanted(void)
{
	unsigned all = 0;

	for (const struct subscriber *s = events.subscribers; s; s = s->next)
		all |= s->wants;
	atomic_store_explicit(&journal_wanted, all, memory_order_relaxed);
}

void subscriber_open(struct subscriber *s, const char *proxy)
{
	struct journal_entry n;

	if (proxy) {                    /* formatted as in an entry of the journal */
		journal_begin(&n, JOURNAL_LOST, 0, proxy);
		s->proxy = xstrndup(n.text, n.n);
	}
	s->buffer = xmalloc(SUBSCRIBER_ROOM);
	events_drain();                 /* earlier events are for the other subscribers */
	s->next = events.subscribers;
	s->link = &events.subscribers;
	if (s->next)
		s->next->link = &s->next;
	events.subscribers = s;
	update_wanted();
}

void subscriber_close(struct subscriber *s)
{
	if (!s->buffer)
		return;
	if (s->next)
		s->next->link = s->link;
	*s->link = s->next;
	free(s->buffer);
	free(s->proxy);
	s->buffer = s->proxy = NULL;
	update_wanted();
}

/* Returns the place for n more bytes in its buffer. NULL: there is no room. */
static char *subscriber_room(struct subscriber *s, size_t n)
{
	if (s->to + n > SUBSCRIBER_ROOM && s->from) {
		memmove(s->buffer, s->buffer + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	return s->to + n <= SUBSCRIBER_ROOM ? s->buffer + s->to : NULL;
}

/* Puts one event into its buffer. False: there is no room. */
static bool subscriber_put(struct subscriber *s, uint64_t id, enum journal_type type, vn_nsec at,
                           const char *text, size_t n)
{
	char *to = subscriber_room(s, n + 200);         /* 200: for the format around the text */
	const char *name = journal_names[type];
	int put = 0;

	if (!to)
		return false;
	if (s->stream)
		put = sprintf(to, "id: %" PRIu64 "\nevent: %s\ndata: ", id, name);
	put += sprintf(to + put, "{\"id\": %" PRIu64 ", \"time\": %lld.%06lld, ", id,
	               (long long)(at / VN_S), (long long)(at % VN_S / VN_US));
	put += sprintf(to + put, "\"type\": \"%s\", %.*s}\n%s", name, (int)n, text,
	               s->stream ? "\n" : "");
	s->to += (size_t)put;
	return true;
}

/* If it has missed events, up to `id`, puts "lost" into its buffer. False: there is no room. */
static bool subscriber_report_lost(struct subscriber *s, uint64_t id, vn_nsec at)
{
	struct journal_entry n;

	if (!s->lost)
		return true;
	journal_begin(&n, JOURNAL_LOST, 0, NULL);
	journal_count(&n, "lost", s->lost);
	if (!subscriber_put(s, id, JOURNAL_LOST, at, n.text, n.n))
		return false;
	s->lost = 0;
	return true;
}

static bool subscriber_wants(const struct subscriber *s, const struct journal_entry *n)
{
	if (!(s->wants >> n->type & 1))
		return false;
	if (n->type == JOURNAL_MARK)    /* it is of no proxy */
		return true;
	size_t name = s->proxy ? strlen(s->proxy) : 0;
	return !name || (n->n >= name && !memcmp(n->text, s->proxy, name));
}

/* Puts the last event into its buffer, or counts it as lost. */
static void subscriber_pass(struct subscriber *s, const struct journal_entry *n, vn_nsec at)
{
	if (subscriber_report_lost(s, events.last - 1, at)
	    && subscriber_put(s, events.last, n->type, at, n->text, n->n))
		return;
	s->lost++;
	events.lost++;
}

struct vn_span subscriber_waiting(struct subscriber *s)
{
	return (struct vn_span){ (uint8_t *)s->buffer + s->from, s->to - s->from };
}

void subscriber_took(struct subscriber *s, size_t n)
{
	s->from += n;
	if (s->from < s->to)
		return;
	s->from = s->to = 0;
	subscriber_report_lost(s, events.last, clock_real());
}

/* Returns the type with this name of n bytes. JOURNAL_TYPES: there is none. */
static unsigned type_find(const char *name, size_t n)
{
	unsigned i = 0;

	for (; i < JOURNAL_TYPES; i++)
		if (strlen(journal_names[i]) == n && !memcmp(journal_names[i], name, n))
			break;
	return i;
}

static bool type_unknown(const char *name, size_t n, char error[ERROR_MAX])
{
	char text[48], shown[64], meant[SUGGEST_MAX];
	struct suggestion near = { .word = text };

	snprintf(text, sizeof text, "%.*s", (int)(n < 40 ? n : 40), name);
	for (unsigned i = 0; i < JOURNAL_TYPES; i++)
		suggest_try(&near, journal_names[i]);
	error_format(error, "type: expected opened, closed, fault, unreachable, missed, raw, "
	             "changed, exchange, gave_up or mark, got '%s'%s",
	             text_printable(text, shown, sizeof shown), suggest_show(&near, "", meant));
	return false;
}

bool events_types(const char *list, unsigned *wants, char error[ERROR_MAX])
{
	*wants = 0;
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");
		unsigned type = type_find(p, n);
		if (type == JOURNAL_TYPES)
			return type_unknown(p, n, error);
		*wants |= 1u << type;
		p += n;
		if (!*p)
			return true;
	}
}

/* ---- from the ring to the subscribers ---- */

/* `offset`: from monotonic to wall-clock time. */
static void entry_pass(const struct journal_entry *n, vn_nsec offset)
{
	events.last++;
	for (struct subscriber *s = events.subscribers; s; s = s->next)
		if (subscriber_wants(s, n))
			subscriber_pass(s, n, n->at + offset);
}

/* The ring has lost events. Their types are unknown, so they count for every subscriber. */
static void lost_pass(uint64_t lost)
{
	events.last += lost;
	events.lost += lost;
	for (struct subscriber *s = events.subscribers; s; s = s->next) {
		s->lost += lost;
		subscriber_report_lost(s, events.last, clock_real());
	}
}

static void subscribers_wake(void)
{
	for (struct subscriber *s = events.subscribers, *next; s; s = next) {
		next = s->next;
		if (s->from < s->to)
			s->ready(s);
	}
}

void events_drain(void)
{
	struct load load = ring_take(&journal_ring);
	vn_nsec offset = clock_real() - clock_monotonic();
	struct journal_entry n;

	for (size_t at = 0; at < load.n; at += JOURNAL_HEAD + n.n) {
		memcpy(&n, load.p + at, JOURNAL_HEAD);
		memcpy(n.text, load.p + at + JOURNAL_HEAD, n.n);
		entry_pass(&n, offset);
	}
	if (load.lost)
		lost_pass(load.lost);
	if (load.n || load.lost)
		subscribers_wake();
}

static void ring_ready(struct watch *w, unsigned happened)
{
	events_drain();
}

/* ---- a file ---- */

static void file_end(struct file *f)
{
	timer_stop(events.loop, &f->retry);
	subscriber_close(&f->subscriber);
	outlet_close(&f->outlet);
}

/* Writes the events that wait, without blocking. */
static void file_write(struct file *f)
{
	struct vn_span waiting;

	while (f->outlet.fd >= 0 && (waiting = subscriber_waiting(&f->subscriber)).n) {
		ssize_t done = outlet_write(&f->outlet, (const char *)waiting.p, waiting.n);
		if (done < 0) {
			log_warning("no more events are written: %s", strerror(errno));
			file_end(f);
		} else if (!done) {
			timer_set(events.loop, &f->retry, events.loop->now + RETRY);
			return;
		} else {
			subscriber_took(&f->subscriber, (size_t)done);
		}
	}
}

/* Writes the last lines. The program ends, so it may block, for at most 1 s. */
static void file_finish(struct file *f)
{
	for (int i = 0; i < 50 && f->outlet.fd >= 0 && subscriber_waiting(&f->subscriber).n; i++) {
		if (i)
			outlet_wait(&f->outlet, 20);
		file_write(f);
	}
	if (f->outlet.fd >= 0)
		file_end(f);
}

static void file_ready(struct subscriber *s)
{
	struct file *f = OWNER(file, subscriber, s);

	if (!f->retry.slot)
		file_write(f);
}

static void file_retry(struct timer *t)
{
	file_write(OWNER(file, retry, t));
}

static bool file_start(struct file *f, const char *path, char error[ERROR_MAX])
{
	if (strcmp(path, "-") == 0) {
		outlet_use(&f->outlet, STDOUT_FILENO);
	} else if (!outlet_open(&f->outlet, path)) {
		error_format(error, "cannot write events to '%s': %s", path, strerror(errno));
		return false;
	}
	f->retry.fire = file_retry;
	f->subscriber = (struct subscriber){ .wants = JOURNAL_USUAL, .ready = file_ready };
	subscriber_open(&f->subscriber, NULL);
	return true;
}

/* ---- start and stop ---- */

bool events_start(struct loop *l, const char *path, char error[ERROR_MAX])
{
	events.loop = l;
	events.ring = (struct watch){ ring_open(&journal_ring, RING_ROOM), ring_ready };
	if (events.ring.fd < 0 || !loop_watch(l, &events.ring, EPOLLIN | EPOLLET)) {
		error_format(error, "cannot start the events: %s", strerror(errno));
		return false;
	}
	return !*path || file_start(&events.file, path, error);
}

void events_stop(void)
{
	if (!events.loop)
		return;
	events_drain();
	loop_unwatch(events.loop, &events.ring);
	ring_close(&journal_ring);
	file_finish(&events.file);
}

struct events_totals events_totals(void)
{
	struct events_totals t = { .wanted = events.last, .lost = events.lost };

	for (const struct subscriber *s = events.subscribers; s; s = s->next)
		t.subscribers++;
	return t;
}
