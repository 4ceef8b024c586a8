/* log.c - lines for people: written at once, or gathered in a buffer that the control thread empties. */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 512, ROOM = 64 * 1024 };

enum log_level log_threshold = LOG_INFO;

static int output = STDERR_FILENO;

static struct {                         /* lines on their way to the control thread */
	pthread_mutex_t lock;
	int wake;                       /* an eventfd; -1: lines are written at once */
	char halves[2][ROOM];           /* one fills while the other is written */
	int filling;
	size_t n;                       /* bytes in the half that fills */
	uint64_t lost;                  /* lines for which there was no room */
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = -1 };

bool log_open(const char *path)
{
	int fd = STDERR_FILENO;
	if (strcmp(path, "-") != 0)
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

static size_t line_make_now(char line[LINE], enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static size_t line_make_now(char line[LINE], enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t n = line_make(line, level, format, args);
	va_end(args);
	return n;
}

/* Under the lock. */
static void ring_put(const char *line, size_t n)
{
	bool first = !ring.n && !ring.lost;
	if (ring.n + n > ROOM) {
		ring.lost++;
	} else {
		memcpy(ring.halves[ring.filling] + ring.n, line, n);
		ring.n += n;
	}
	if (first && eventfd_write(ring.wake, 1) < 0)
		assert(errno == EAGAIN);
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	if (level < log_threshold)
		return;
	va_start(args, format);
	size_t n = line_make(line, level, format, args);
	va_end(args);
	pthread_mutex_lock(&ring.lock);
	if (ring.wake < 0)
		write_all(line, n);
	else
		ring_put(line, n);
	pthread_mutex_unlock(&ring.lock);
}

int log_start(void)
{
	pthread_mutex_lock(&ring.lock);
	if (ring.wake < 0)
		ring.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(ring.wake >= 0);
	pthread_mutex_unlock(&ring.lock);
	return ring.wake;
}

/* Written outside the lock, so that a slow terminal holds up nobody but the caller. */
void log_drain(void)
{
	eventfd_t ignored;
	char line[LINE];

	pthread_mutex_lock(&ring.lock);
	if (ring.wake >= 0)
		eventfd_read(ring.wake, &ignored);
	const char *lines = ring.halves[ring.filling];
	size_t n = ring.n;
	uint64_t lost = ring.lost;
	ring.filling = !ring.filling;
	ring.n = 0;
	ring.lost = 0;
	pthread_mutex_unlock(&ring.lock);

	write_all(lines, n);
	if (lost)
		write_all(line, line_make_now(line, LOG_WARNING, "log lines=%llu lost", (unsigned long long)lost));
}

void log_stop(void)
{
	log_drain();
	pthread_mutex_lock(&ring.lock);
	int wake = ring.wake;
	ring.wake = -1;
	pthread_mutex_unlock(&ring.lock);
	log_drain();                            /* what came between the two */
	if (wake >= 0)
		close(wake);
}
