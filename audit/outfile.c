/* outfile.c - a file that is written as a whole: nothing but a plain file is ever replaced. */
#include "audit/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fails(int why)
{
	errno = why;
	return false;
}

bool outfile_possible(const char *path)
{
	char folder[PATH_MAX];
	struct stat is;

	if (!stat(path, &is)) {
		if (S_ISDIR(is.st_mode) || S_ISSOCK(is.st_mode))
			return fails(S_ISDIR(is.st_mode) ? EISDIR : ENXIO);
		return !access(path, W_OK);
	}
	if (errno != ENOENT)
		return false;
	if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
		return fails(ENAMETOOLONG);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	return !access(slash ? folder : ".", W_OK);
}

/* A pipe without a reader is an error at once. Later it may wait for the reader that it has. */
static bool direct_open(struct outfile *f, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	struct stat is;

	*f->real = 0;
	if (fd < 0)
		return false;
	bool good = !fstat(fd, &is) && (!S_ISREG(is.st_mode) || !ftruncate(fd, 0)) &&
	            !fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	f->to = good ? fdopen(fd, "w") : NULL;
	if (f->to)
		return true;
	int why = errno;
	close(fd);
	return fails(why);
}

/* /dev/stdout may be a plain file, but it is open already. */
static bool is_opened(const char *path)
{
	return !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6);
}

bool outfile_open(struct outfile *f, const char *path)
{
	struct stat is;
	bool there = !lstat(path, &is), link = there && S_ISLNK(is.st_mode);

	f->to = NULL;
	if (link)
		there = realpath(path, f->real) && !stat(f->real, &is);
	else if ((size_t)snprintf(f->real, sizeof f->real, "%s", path) >= sizeof f->real)
		return fails(ENAMETOOLONG);
	if (is_opened(path) || (link && !there) || (there && !S_ISREG(is.st_mode)))
		return direct_open(f, path);
	snprintf(f->beside, sizeof f->beside, "%s.XXXXXX", f->real);
	mode_t mask = umask(0);
	umask(mask);
	int fd = mkostemp(f->beside, O_CLOEXEC);
	if (fd < 0)             /* the file may be writable where its directory is not */
		return there ? direct_open(f, path) : false;
	f->to = fchmod(fd, there ? is.st_mode & 0777 : 0666 & ~mask) ? NULL : fdopen(fd, "w");
	if (f->to)
		return true;
	int why = errno;
	close(fd);
	unlink(f->beside);
	return fails(why);
}

bool outfile_close(struct outfile *f)
{
	bool good = !fflush(f->to) && !ferror(f->to);
	int why = good ? 0 : errno;

	if (fclose(f->to) && good) {
		good = false;
		why = errno;
	}
	f->to = NULL;
	if (!*f->real)
		return good ? true : fails(why);
	if (good && !rename(f->beside, f->real))
		return true;
	why = good ? errno : why;
	unlink(f->beside);
	return fails(why);
}
