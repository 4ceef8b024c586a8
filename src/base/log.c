/* log.c - the program's log: lines go through a ring to the control thread, which writes them.
 *
 *   log_line -> ring -> pending -> outlet
 *
 * The control thread never waits for the outlet. Lines that it does not take stay in `pending`.
 * Lines without room there are lost and counted. A line with the count is logged when there is
 * room again. */
#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/outlet.h"
#include "base/ring.h"
#include "base/text.h"

enum {
	LINE = 512,                     /* bytes */
	ROOM = 64 * 1024,               /* bytes of the ring */
	PENDING = 2 * ROOM,             /* bytes that wait for a pipe or a terminal */
	PENDING_FILE = 4096,            /* bytes that wait for a file: few, as its disk is full */
	LAST_WAIT = 500,                /* ms, before log_start() and in log_stop() */
};

_Atomic enum log_level log_threshold = LOG_INFO;
_Atomic bool log_json;

static struct outlet output = OUTLET_STDERR;

/* Lines on their way to the control thread. Closed: lines are written at once. */
static struct ring ring = RING_CLOSED;

/* Lines that the outlet has not taken yet. Used by the control thread; any thread counts lines
 * in `lost_ever`. */
static struct {
	char *bytes;
	size_t from, n;                 /* bytes[from..n) wait */
	uint64_t lost;                  /* lines since the last report */
	_Atomic uint64_t lost_ever;     /* lines since the start */
} pending;

bool log_open(const char *path)
{
	struct outlet next;

	if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0 ||
	    strcmp(path, "/dev/stderr") == 0)
		outlet_use(&next, strcmp(path, "/dev/stdout") ? STDERR_FILENO : STDOUT_FILENO);
	else if (!outlet_open(&next, path))
		return false;
	outlet_close(&output);
	output = next;
	return true;
}

/* ---- written at once: before log_start and after log_stop ---- */

static void write_now(const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = outlet_write(&output, bytes, n);
		if (done < 0 || (done == 0 && (output.kind == OUTLET_FILE ||
		                               !outlet_wait(&output, LAST_WAIT)))) {
			atomic_fetch_add_explicit(&pending.lost_ever, 1, memory_order_relaxed);
			return;
		}
		bytes += done;
		n -= (size_t)done;
	}
}

/* ---- lines ---- */

/* Returns the length. text_clean() replaces bytes that could forge a line. */
__attribute__((format(printf, 3, 0)))
static size_t line_make(char line[LINE], enum log_level level, const char *format, va_list args)
{
	static const char *const names[] = { "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL" };
	struct tm tm;
	time_t now = time(NULL);
	size_t n = strftime(line, LINE, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &tm));
	n += (size_t)snprintf(line + n, LINE - n, " [%d] [%s] ", (int)getpid(), names[level]);
	int said = vsnprintf(line + n, LINE - n - 1, format, args);
	size_t room = LINE - n - 2;
	size_t end = n + (said < 0 ? 0 : (size_t)said < room ? (size_t)said : room);

	text_clean(line + n, end - n);
	line[end++] = '\n';
	return end;
}

/* {"level":"info","time":"2026-01-02T03:04:05Z","message":"..."}
 *
 * The message has at most LINE / 2 bytes, and each may need a backslash. */
__attribute__((format(printf, 3, 0)))
static size_t line_make_json(char line[LINE], enum log_level level, const char *format,
                             va_list args)
{
	static const char *const names[] = { "debug", "info", "warn", "error", "fatal" };
	char said[LINE / 2], when[64];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	vsnprintf(said, sizeof said, format, args);
	size_t n = (size_t)snprintf(
		line, LINE, "{\"level\":\"%s\",\"time\":\"%s\",\"message\":\"", names[level], when);
	for (const char *c = said; *c && n < LINE - 8; c++) {
		if (*c == '"' || *c == '\\')
			line[n++] = '\\';
		line[n++] = (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f ? '?' : *c;
	}
	memcpy(line + n, "\"}\n", 3);
	return n + 3;
}

static size_t line_make_now(char line[LINE], enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static size_t line_make_now(char line[LINE], enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t n = (log_json ? line_make_json : line_make)(line, level, format, args);
	va_end(args);
	return n;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	if (level < log_threshold)
		return;
	va_start(args, format);
	size_t n = (log_json ? line_make_json : line_make)(line, level, format, args);
	va_end(args);
	if (!ring_put(&ring, line, n))
		write_now(line, n);
}

/* ---- the control thread ---- */

int log_start(void)
{
	if (!pending.bytes)
		pending.bytes = xmalloc(PENDING);
	if (output.fd == STDERR_FILENO)
		outlet_use(&output, STDERR_FILENO);
	return ring_open(&ring, ROOM);
}

static void lose(uint64_t lines)
{
	pending.lost += lines;
	atomic_fetch_add_explicit(&pending.lost_ever, lines, memory_order_relaxed);
}

static void pending_add(const char *bytes, size_t n)
{
	size_t room = output.kind == OUTLET_FILE ? PENDING_FILE : PENDING;

	if (pending.from) {
		memmove(pending.bytes, pending.bytes + pending.from, pending.n - pending.from);
		pending.n -= pending.from;
		pending.from = 0;
	}
	while (n) {
		const char *end = memchr(bytes, '\n', n);
		size_t line = end ? (size_t)(end + 1 - bytes) : n;
		if (pending.n + line > room) {
			lose(1);
		} else {
			memcpy(pending.bytes + pending.n, bytes, line);
			pending.n += line;
		}
		bytes += line;
		n -= line;
	}
}

/* False: some lines still wait. */
static bool pending_write(void)
{
	while (pending.from < pending.n) {
		ssize_t done = outlet_write(
			&output, pending.bytes + pending.from, pending.n - pending.from);
		if (done == 0)
			return false;
		if (done < 0) {         /* the reader is gone for good */
			for (size_t i = pending.from; i < pending.n; i++)
				lose(pending.bytes[i] == '\n');
			done = (ssize_t)(pending.n - pending.from);
		}
		pending.from += (size_t)done;
	}
	pending.from = pending.n = 0;
	return true;
}

/* Writes new lines when none are pending. Those that the outlet does not take become pending. */
static bool lines_write(const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = outlet_write(&output, bytes, n);
		if (done <= 0)
			break;
		bytes += done;
		n -= (size_t)done;
	}
	pending_add(bytes, n);
	return !n || pending_write();
}

bool log_drain(void)
{
	char line[LINE];
	bool all = pending_write();

	if (!all && output.kind != OUTLET_FILE)
		/* A slow reader: the lines stay in the ring, which counts those without room. */
		return false;
	struct load lines = ring_take(&ring);
	pending.lost += lines.lost;
	if (all)
		all = lines_write(lines.p, lines.n);
	else
		pending_add(lines.p, lines.n);
	if (!all || !pending.lost || output.fd < 0)
		return all;
	unsigned long long lost = pending.lost;
	pending.lost = 0;
	return lines_write(line, line_make_now(line, LOG_WARNING, "log lines=%llu lost", lost));
}

void log_stop(void)
{
	log_drain();
	ring_close(&ring);
	for (int i = 0; i < 10 && !log_drain(); i++)    /* lines logged since the first drain */
		outlet_wait(&output, LAST_WAIT / 10);
}

uint64_t log_lost(void)
{
	return ring_lost(&ring) + atomic_load_explicit(&pending.lost_ever, memory_order_relaxed);
}
