/* file.c - a file read as a whole, without ever waiting for it. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? "a directory" : S_ISFIFO(mode) ? "a pipe" : "a device";
}

/* O_NONBLOCK: opening a pipe would wait for its writer. Returns an errno, as file_read(). */
static int file_open(const char *path, int *fd, char error[ERROR_MAX])
{
	struct stat is;

	*fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int why = *fd < 0 || fstat(*fd, &is) != 0 ? errno : 0;
	if (why)
		error_format(error, "%s", strerror(why));
	else if (!S_ISREG(is.st_mode))
		error_format(error, "expected a regular file, got %s", kind_of(is.st_mode));
	else
		return 0;
	if (*fd >= 0)
		close(*fd);
	return why ? why : -1;
}

int file_check(const char *path, char error[ERROR_MAX])
{
	int fd, why = file_open(path, &fd, error);

	if (!why)
		close(fd);
	return why;
}

/* What stat says of the size is not asked: files of /proc have none, and others grow. */
static int read_all(int fd, size_t most, char **text, size_t *n, char error[ERROR_MAX])
{
	size_t room = 4096;
	ssize_t got = 1;

	*text = xmalloc(room + 1);
	*n = 0;
	while (*n <= most && got > 0) {
		if (*n == room)
			*text = xrealloc(*text, (room *= 2) + 1);
		got = read(fd, *text + *n, room - *n);
		*n += got > 0 ? (size_t)got : 0;
	}
	int why = got < 0 ? errno : *n > most ? -1 : 0;
	if (why > 0)
		error_format(error, "%s", strerror(why));
	else if (why)
		error_format(error, "expected at most %zu bytes, got more", most);
	(*text)[*n] = '\0';
	return why;
}

int file_read(const char *path, size_t most, char **text, size_t *n, char error[ERROR_MAX])
{
	int fd, why = file_open(path, &fd, error);

	if (why)
		return why;
	why = read_all(fd, most, text, n, error);
	close(fd);
	if (why)
		free(*text);
	return why;
}
