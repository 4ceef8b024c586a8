/* outlet.c - non-blocking output of lines to a file, a pipe, a terminal or a socket. */
#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 4096 };                  /* PIPE_BUF: a writable pipe takes such a piece whole */

static void outlet_set(struct outlet *o, int fd, bool own)
{
	struct stat is;
	bool known = fstat(fd, &is) == 0;

	*o = (struct outlet){ .fd = fd, .own = own, .kind = OUTLET_OTHER };
	if (known && S_ISREG(is.st_mode))
		o->kind = OUTLET_FILE;
	if (known && S_ISSOCK(is.st_mode))
		o->kind = OUTLET_SOCKET;
}

/* O_NONBLOCK: opening a pipe without a reader, or a device, must not block either. */
bool outlet_open(struct outlet *o, const char *path)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);

	if (fd < 0)
		return false;
	outlet_set(o, fd, true);
	return true;
}

/* An inherited descriptor may block, and other processes share its flags. So it is opened anew:
 * the new one is not shared, and does not block. */
void outlet_use(struct outlet *o, int fd)
{
	char path[32];
	struct stat is;

	outlet_set(o, fd, false);
	if (o->kind != OUTLET_OTHER || fstat(fd, &is) != 0)
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int anew = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (anew >= 0)
		outlet_set(o, anew, true);
}

void outlet_close(struct outlet *o)
{
	if (o->own && o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

bool outlet_wait(const struct outlet *o, int ms)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	return o->kind == OUTLET_FILE || (poll(&p, 1, ms) == 1 && p.revents);
}

/* The number of bytes that are whole lines. */
static size_t whole_lines(const char *bytes, size_t n)
{
	const char *end = memrchr(bytes, '\n', n);

	return end ? (size_t)(end + 1 - bytes) : 0;
}

/* A full disk took a part of a line. Truncates the file, so that it ends with a whole line. */
static ssize_t file_trim(struct outlet *o, const char *bytes, size_t written)
{
	size_t whole = whole_lines(bytes, written);
	struct stat is;

	if (fstat(o->fd, &is) != 0 || ftruncate(o->fd, is.st_size - (off_t)(written - whole)) != 0)
		return (ssize_t)written;
	return (ssize_t)whole;
}

static bool is_final(int error)
{
	return error == EPIPE || error == EBADF || error == EINVAL || error == ECONNRESET ||
	       error == ENOTCONN;
}

ssize_t outlet_write(struct outlet *o, const char *bytes, size_t n)
{
	size_t piece = n;

	if (o->kind != OUTLET_FILE) {
		size_t whole = whole_lines(bytes, n < PIECE ? n : PIECE);
		piece = whole ? whole : n < PIECE ? n : PIECE;
		if (!outlet_wait(o, 0))
			return 0;
	}
	ssize_t done = o->kind == OUTLET_SOCKET ?
	                       send(o->fd, bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL) :
	                       write(o->fd, bytes, piece);
	if (done < 0)
		return is_final(errno) ? -1 : 0;
	if (o->kind == OUTLET_FILE && (size_t)done < piece)
		return file_trim(o, bytes, (size_t)done);
	return done;
}
