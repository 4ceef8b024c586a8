/* events.c - who is told what happened: news become lines of JSON or server-sent events in each reader's buffer. */
#include "control/events.h"

#include <assert.h>
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
	struct reader *readers;
	uint64_t told, lost;
	struct file {                   /* --events */
		struct reader reader;
		int fd;                 /* -1: none */
		bool plain;             /* a file that never makes anyone wait */
		struct timer retry;
	} file;
} events = { .file.fd = -1 };

/* ---- readers ---- */

static void wanted_settle(void)
{
	unsigned all = 0;

	for (const struct reader *r = events.readers; r; r = r->next)
		all |= r->wants;
	atomic_store_explicit(&news_wanted, all, memory_order_relaxed);
}

void reader_open(struct reader *r, const char *proxy)
{
	struct news n;

	if (proxy) {                    /* as it stands in news */
		news_begin(&n, NEWS_LOST, 0, proxy);
		r->proxy = strndup(n.text, n.n);
		assert(r->proxy);
	}
	r->buffer = malloc(READER_ROOM);
	assert(r->buffer);
	events_drain();                 /* what was before is for those who were */
	r->next = events.readers;
	r->link = &events.readers;
	if (r->next)
		r->next->link = &r->next;
	events.readers = r;
	wanted_settle();
}

void reader_close(struct reader *r)
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
static char *reader_room(struct reader *r, size_t n)
{
	if (r->to + n > READER_ROOM && r->from) {
		memmove(r->buffer, r->buffer + r->from, r->to - r->from);
		r->to -= r->from;
		r->from = 0;
	}
	return r->to + n <= READER_ROOM ? r->buffer + r->to : NULL;
}

static bool reader_put(struct reader *r, uint64_t id, enum news_type type, vn_nsec at, const char *text, size_t n)
{
	char *to = reader_room(r, n + 200);
	const char *name = news_names[type];
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
static bool reader_caught_up(struct reader *r, uint64_t id, vn_nsec at)
{
	struct news n;

	if (!r->lost)
		return true;
	news_begin(&n, NEWS_LOST, 0, NULL);
	news_count(&n, "lost", r->lost);
	if (!reader_put(r, id, NEWS_LOST, at, n.text, n.n))
		return false;
	r->lost = 0;
	return true;
}

static bool reader_wants(const struct reader *r, const struct news *n)
{
	size_t name = r->proxy ? strlen(r->proxy) : 0;

	return r->wants >> n->type & 1 && n->n >= name && !memcmp(n->text, r->proxy ? r->proxy : "", name);
}

static void reader_tell(struct reader *r, const struct news *n, vn_nsec at)
{
	if (reader_caught_up(r, events.told - 1, at) && reader_put(r, events.told, n->type, at, n->text, n->n))
		return;
	r->lost++;
	events.lost++;
}

struct vn_span reader_waiting(struct reader *r)
{
	return (struct vn_span){ (uint8_t *)r->buffer + r->from, r->to - r->from };
}

static vn_nsec clock_real(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}

void reader_took(struct reader *r, size_t n)
{
	r->from += n;
	if (r->from < r->to)
		return;
	r->from = r->to = 0;
	reader_caught_up(r, events.told, clock_real());
}

bool events_types(const char *list, unsigned *wants, char error[SENTENCE])
{
	*wants = 0;
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ","), i = 0;
		while (i < NEWS_TYPES && (strlen(news_names[i]) != n || memcmp(news_names[i], p, n)))
			i++;
		if (i == NEWS_TYPES) {
			char word[48], shown[64];
			snprintf(word, sizeof word, "%.*s", (int)(n < 40 ? n : 40), p);
			sentence_put(error, "type: expected opened, closed, fault, unreachable, missed, raw or changed, got '%s'",
			             text_show(word, shown, sizeof shown));
			return false;
		}
		*wants |= 1u << i;
		p += n;
		if (!*p)
			return true;
	}
}

/* ---- from the ring to the readers ---- */

static void news_pass(const struct news *n, vn_nsec offset)
{
	events.told++;
	for (struct reader *r = events.readers; r; r = r->next)
		if (reader_wants(r, n))
			reader_tell(r, n, n->at + offset);
}

static void lost_pass(uint64_t lost)
{
	events.told += lost;
	events.lost += lost;
	for (struct reader *r = events.readers; r; r = r->next) {
		r->lost += lost;
		reader_caught_up(r, events.told, clock_real());
	}
}

static void readers_wake(void)
{
	for (struct reader *r = events.readers, *next; r; r = next) {
		next = r->next;
		if (r->from < r->to)
			r->ready(r);
	}
}

void events_drain(void)
{
	struct load load = ring_take(&news_ring);
	vn_nsec offset = clock_real() - clock_monotonic();
	struct news n;

	for (size_t at = 0; at < load.n; at += NEWS_HEAD + n.n) {
		memcpy(&n, load.p + at, NEWS_HEAD);
		memcpy(n.text, load.p + at + NEWS_HEAD, n.n);
		news_pass(&n, offset);
	}
	if (load.lost)
		lost_pass(load.lost);
	if (load.n || load.lost)
		readers_wake();
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
	reader_close(&f->reader);
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

	while (f->fd >= 0 && (waiting = reader_waiting(&f->reader)).n) {
		ssize_t done = file_put(f, waiting);
		if (done < 0) {
			log_warning("events are written no more: %s", strerror(errno));
			file_end(f);
		} else if (!done) {
			timer_set(events.loop, &f->retry, events.loop->now + RETRY);
			return;
		} else {
			reader_took(&f->reader, (size_t)done);
		}
	}
}

/* The last lines, with a second's patience for who reads them. */
static void file_finish(struct file *f)
{
	for (int i = 0; i < 50 && f->fd >= 0 && reader_waiting(&f->reader).n; i++) {
		if (i)
			poll(&(struct pollfd){ .fd = f->fd, .events = POLLOUT }, 1, 20);
		file_write(f);
	}
	if (f->fd >= 0)
		file_end(f);
}

static void file_ready(struct reader *r)
{
	struct file *f = OWNER(file, reader, r);

	if (!f->retry.slot)
		file_write(f);
}

static void file_retry(struct timer *t)
{
	file_write(OWNER(file, retry, t));
}

static bool file_start(struct file *f, const char *path, char error[SENTENCE])
{
	struct stat about;

	f->fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644) : STDOUT_FILENO;
	if (f->fd < 0) {
		sentence_put(error, "cannot write events to '%s': %s", path, strerror(errno));
		return false;
	}
	f->plain = fstat(f->fd, &about) == 0 && S_ISREG(about.st_mode);
	f->retry.fire = file_retry;
	f->reader = (struct reader){ .wants = ~0u, .ready = file_ready };
	reader_open(&f->reader, NULL);
	return true;
}

/* ---- from start to end ---- */

bool events_start(struct loop *l, const char *path, char error[SENTENCE])
{
	events.loop = l;
	events.ring = (struct watch){ ring_open(&news_ring, RING_ROOM), ring_ready };
	loop_watch(l, &events.ring, EPOLLIN | EPOLLET);
	return !*path || file_start(&events.file, path, error);
}

void events_stop(void)
{
	events_drain();
	loop_unwatch(events.loop, &events.ring);
	ring_close(&news_ring);
	file_finish(&events.file);
}

struct events_figures events_figures(void)
{
	struct events_figures f = { .told = events.told, .lost = events.lost };

	for (const struct reader *r = events.readers; r; r = r->next)
		f.readers++;
	return f;
}
