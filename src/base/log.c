/* log.c - lines for people: written at once, or gathered in a buffer that the control thread empties. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ring.h"

enum { LINE = 512, ROOM = 64 * 1024 };

_Atomic enum log_level log_threshold = LOG_INFO;
_Atomic bool log_json;

static int output = STDERR_FILENO;

static struct ring ring = RING_CLOSED;   /* lines on their way to the control thread; closed: they are written at once */

bool log_open(const char *path)
{
	int fd = STDERR_FILENO;
	if (strcmp(path, "/dev/stdout") == 0)           /* it may be a socket, which cannot be opened */
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (strcmp(path, "-") != 0)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	if (output != STDERR_FILENO)
		close(output);
	output = fd;
	return true;
}

static void write_all(const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(output, bytes, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;                 /* nowhere to tell of it */
		bytes += done;
		n -= (size_t)done;
	}
}

/* One line, ended; bytes that could forge another or drive a terminal become '?'. */
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

	for (size_t i = n; i < end; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[end++] = '\n';
	return end;
}

/* {"level":"info","time":"2026-01-02T03:04:05Z","message":"..."}, with room for it whatever is said. */
__attribute__((format(printf, 3, 0)))
static size_t line_make_json(char line[LINE], enum log_level level, const char *format, va_list args)
{
	static const char *const names[] = { "debug", "info", "warn", "error", "fatal" };
	char said[LINE / 2], when[64];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	vsnprintf(said, sizeof said, format, args);
	size_t n = (size_t)snprintf(line, LINE, "{\"level\":\"%s\",\"time\":\"%s\",\"message\":\"", names[level], when);
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
		write_all(line, n);
}

int log_start(void)
{
	return ring_open(&ring, ROOM);
}

void log_drain(void)
{
	char line[LINE];
	struct load lines = ring_take(&ring);

	write_all(lines.p, lines.n);
	if (lines.lost)
		write_all(line, line_make_now(line, LOG_WARNING, "log lines=%llu lost", (unsigned long long)lines.lost));
}

void log_stop(void)
{
	log_drain();
	ring_close(&ring);
	log_drain();                            /* what came between the two */
}

uint64_t log_lost(void)
{
	return ring_lost(&ring);
}
