/* events.c - who is told what happened: news become lines of JSON or server-sent events in each reader's buffer. */
#include "control/events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/ring.h"

enum {
	RING_ROOM   = 1 << 20,
	READER_ROOM = 1 << 18,          /* of a reader's buffer */
	PIECE       = 4096,             /* so much a pipe takes without waiting, if it takes anything */
};

#define RETRY (20 * VN_MS)            /* until a file that takes nothing is asked again */

static struct {
	struct loop *loop;
	struct watch ring;
	struct subscriber *subscribers;
	uint64_t told, lost;
	struct file {                   /* --events */
		struct subscriber subscriber;
		int fd;                 /* -1: none */
		bool plain;             /* a file that never makes anyone wait */
		struct timer retry;
	} file;
} events = { .file.fd = -1 };

/* ---- readers ---- */

static void wanted_settle(void)
{
	unsigned all = 0;

	for (const struct subscriber *r = events.subscribers; r; r = r->next)
		all |= r->wants;
	atomic_store_explicit(&journal_wanted, all, memory_order_relaxed);
}

void subscriber_open(struct subscriber *r, const char *proxy)
{
	struct journal_entry n;

	if (proxy) {                    /* as it stands in news */
		journal_begin(&n, JOURNAL_LOST, 0, proxy);
		r->proxy = xstrndup(n.text, n.n);
	}
	r->buffer = xmalloc(READER_ROOM);
	events_drain();                 /* what was before is for those who were */
	r->next = events.subscribers;
	r->link = &events.subscribers;
	if (r->next)
		r->next->link = &r->next;
	events.subscribers = r;
	wanted_settle();
}

void subscriber_close(struct subscriber *r)
{
	if (!r->buffer)
		return;
	if (r->next)
		r->next->link = r->link;
	*r->link = r->next;
	free(r->buffer);
	free(r->proxy);
	r->buffer = r->proxy = NULL;
	wanted_settle();
}

/* Room for n bytes at the end of its buffer; NULL: there is none. */
static char *subscriber_room(struct subscriber *r, size_t n)
{
	if (r->to + n > READER_ROOM && r->from) {
		memmove(r->buffer, r->buffer + r->from, r->to - r->from);
		r->to -= r->from;
		r->from = 0;
	}
	return r->to + n <= READER_ROOM ? r->buffer + r->to : NULL;
}

static bool subscriber_put(struct subscriber *r, uint64_t id, enum journal_type type, vn_nsec at, const char *text, size_t n)
{
	char *to = subscriber_room(r, n + 200);
	const char *name = journal_names[type];
	int put = 0;

	if (!to)
		return false;
	if (r->stream)
		put = sprintf(to, "id: %" PRIu64 "\nevent: %s\ndata: ", id, name);
	put += sprintf(to + put, "{\"id\": %" PRIu64 ", \"time\": %lld.%06lld, \"type\": \"%s\", %.*s}\n%s", id,
	               (long long)(at / VN_S), (long long)(at % VN_S / VN_US), name, (int)n, text, r->stream ? "\n" : "");
	r->to += (size_t)put;
	return true;
}

/* Before anything else it is told what it has missed, up to `id`. False: no room for that, either. */
static bool subscriber_caught_up(struct subscriber *r, uint64_t id, vn_nsec at)
{
	struct journal_entry n;

	if (!r->lost)
		return true;
	journal_begin(&n, JOURNAL_LOST, 0, NULL);
	journal_count(&n, "lost", r->lost);
	if (!subscriber_put(r, id, JOURNAL_LOST, at, n.text, n.n))
		return false;
	r->lost = 0;
	return true;
}

static bool subscriber_wants(const struct subscriber *r, const struct journal_entry *n)
{
	size_t name = r->proxy ? strlen(r->proxy) : 0;

	return r->wants >> n->type & 1 && n->n >= name && !memcmp(n->text, r->proxy ? r->proxy : "", name);
}

static void subscriber_tell(struct subscriber *r, const struct journal_entry *n, vn_nsec at)
{
	if (subscriber_caught_up(r, events.told - 1, at) && subscriber_put(r, events.told, n->type, at, n->text, n->n))
		return;
	r->lost++;
	events.lost++;
}

struct vn_span subscriber_waiting(struct subscriber *r)
{
	return (struct vn_span){ (uint8_t *)r->buffer + r->from, r->to - r->from };
}

void subscriber_took(struct subscriber *r, size_t n)
{
	r->from += n;
	if (r->from < r->to)
		return;
	r->from = r->to = 0;
	subscriber_caught_up(r, events.told, clock_real());
}

bool events_types(const char *list, unsigned *wants, char error[ERROR_MAX])
{
	*wants = 0;
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ","), i = 0;
		while (i < JOURNAL_TYPES && (strlen(journal_names[i]) != n || memcmp(journal_names[i], p, n)))
			i++;
		if (i == JOURNAL_TYPES) {
			char word[48], shown[64];
			snprintf(word, sizeof word, "%.*s", (int)(n < 40 ? n : 40), p);
			error_format(error, "type: expected opened, closed, fault, unreachable, missed, raw or changed, got '%s'",
			             text_printable(word, shown, sizeof shown));
			return false;
		}
		*wants |= 1u << i;
		p += n;
		if (!*p)
			return true;
	}
}

/* ---- from the ring to the readers ---- */

static void journal_pass(const struct journal_entry *n, vn_nsec offset)
{
	events.told++;
	for (struct subscriber *r = events.subscribers; r; r = r->next)
		if (subscriber_wants(r, n))
			subscriber_tell(r, n, n->at + offset);
}

static void lost_pass(uint64_t lost)
{
	events.told += lost;
	events.lost += lost;
	for (struct subscriber *r = events.subscribers; r; r = r->next) {
		r->lost += lost;
		subscriber_caught_up(r, events.told, clock_real());
	}
}

static void subscribers_wake(void)
{
	for (struct subscriber *r = events.subscribers, *next; r; r = next) {
		next = r->next;
		if (r->from < r->to)
			r->ready(r);
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
		journal_pass(&n, offset);
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

static bool file_takes(const struct file *f)
{
	struct pollfd p = { .fd = f->fd, .events = POLLOUT };

	return f->plain || (poll(&p, 1, 0) == 1 && p.revents);
}

static void file_end(struct file *f)
{
	timer_stop(events.loop, &f->retry);
	subscriber_close(&f->subscriber);
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	f->fd = -1;
}

/* How much of this was taken; 0: nothing now; -1: nothing ever. */
static ssize_t file_put(struct file *f, struct vn_span s)
{
	if (!file_takes(f))
		return 0;
	ssize_t done = write(f->fd, s.p, f->plain || s.n < PIECE ? s.n : PIECE);
	return done < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : done;
}

/* All that waits, as far as it is taken at once. */
static void file_write(struct file *f)
{
	struct vn_span waiting;

	while (f->fd >= 0 && (waiting = subscriber_waiting(&f->subscriber)).n) {
		ssize_t done = file_put(f, waiting);
		if (done < 0) {
			log_warning("events are written no more: %s", strerror(errno));
			file_end(f);
		} else if (!done) {
			timer_set(events.loop, &f->retry, events.loop->now + RETRY);
			return;
		} else {
			subscriber_took(&f->subscriber, (size_t)done);
		}
	}
}

/* The last lines, with a second's patience for who reads them. */
static void file_finish(struct file *f)
{
	for (int i = 0; i < 50 && f->fd >= 0 && subscriber_waiting(&f->subscriber).n; i++) {
		if (i)
			poll(&(struct pollfd){ .fd = f->fd, .events = POLLOUT }, 1, 20);
		file_write(f);
	}
	if (f->fd >= 0)
		file_end(f);
}

static void file_ready(struct subscriber *r)
{
	struct file *f = OWNER(file, subscriber, r);

	if (!f->retry.slot)
		file_write(f);
}

static void file_retry(struct timer *t)
{
	file_write(OWNER(file, retry, t));
}

static bool file_start(struct file *f, const char *path, char error[ERROR_MAX])
{
	struct stat about;

	f->fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644) : STDOUT_FILENO;
	if (f->fd < 0) {
		error_format(error, "cannot write events to '%s': %s", path, strerror(errno));
		return false;
	}
	f->plain = fstat(f->fd, &about) == 0 && S_ISREG(about.st_mode);
	f->retry.fire = file_retry;
	f->subscriber = (struct subscriber){ .wants = ~0u, .ready = file_ready };
	subscriber_open(&f->subscriber, NULL);
	return true;
}

/* ---- from start to end ---- */

bool events_start(struct loop *l, const char *path, char error[ERROR_MAX])
{
	events.loop = l;
	events.ring = (struct watch){ ring_open(&journal_ring, RING_ROOM), ring_ready };
	loop_watch(l, &events.ring, EPOLLIN | EPOLLET);
	return !*path || file_start(&events.file, path, error);
}

void events_stop(void)
{
	events_drain();
	loop_unwatch(events.loop, &events.ring);
	ring_close(&journal_ring);
	file_finish(&events.file);
}

struct events_totals events_totals(void)
{
	struct events_totals f = { .told = events.told, .lost = events.lost };

	for (const struct subscriber *r = events.subscribers; r; r = r->next)
		f.subscribers++;
	return f;
}
