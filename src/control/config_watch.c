/* config_watch.c - the files of the configuration, watched: a change is told once it is whole. */
#include "control/config_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/ini.h"

#define SETTLE (200 * VN_MS)            /* from a change until the files are looked at */

enum { CHANGES = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM };

/* A file's identity and age. False: it is not there. */
static bool file_mark(const char *path, uint64_t *mark)
{
	struct stat s;

	if (stat(path, &s))
		return false;
	const uint64_t parts[] = {
		s.st_dev, s.st_ino, (uint64_t)s.st_size, (uint64_t)s.st_mtim.tv_sec,
		(uint64_t)s.st_mtim.tv_nsec,
	};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		*mark = (*mark ^ parts[i]) * 0x100000001b3;
	return true;
}

/* Of all files. False: one is missing, and an editor may be about to write it. */
static bool files_mark(uint64_t *mark)
{
	const char *path;

	*mark = 0xcbf29ce484222325;
	for (size_t i = 0; (path = ini_seen(i)); i++)
		if (!file_mark(path, mark))
			return false;
	return true;
}

/* A folder that is watched already stays watched. */
static bool folder_watch(const struct config_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
	bool good = inotify_add_watch(w->inotify.fd, folder, CHANGES) >= 0;

	free(folder);
	return good;
}

static bool folders_watch(const struct config_watch *w)
{
	const char *path;
	bool good = true;

	for (size_t i = 0; (path = ini_seen(i)); i++) {
		char *real = realpath(path, NULL);
		good &= folder_watch(w, path);
		if (real)               /* what a link leads to may be changed in its place */
			good &= folder_watch(w, real);
		free(real);
	}
	return good;
}

static void settled(struct timer *t)
{
	struct config_watch *w = OWNER(config_watch, settle, t);
	uint64_t mark;

	if (!files_mark(&mark) || mark == w->mark)
		return;
	w->mark = mark;
	w->changed(w);
}

static void folder_changed(struct watch *watch, unsigned events)
{
	struct config_watch *w = OWNER(config_watch, inotify, watch);
	char ignored[4096] __attribute__((aligned(8)));

	while (read(w->inotify.fd, ignored, sizeof ignored) > 0)
		;
	if (!w->settle.slot)
		timer_set(w->loop, &w->settle, w->loop->now + SETTLE);
}

bool config_watch_start(struct config_watch *w, struct loop *loop, char error[ERROR_MAX])
{
	w->settle.fire = settled;
	w->inotify = (struct watch){ inotify_init1(IN_NONBLOCK | IN_CLOEXEC), folder_changed };
	files_mark(&w->mark);
	w->loop = loop;
	if (w->inotify.fd >= 0 && folders_watch(w) && loop_watch(loop, &w->inotify, EPOLLIN))
		return true;
	error_format(error, "watch_config: cannot watch the configuration: %s", strerror(errno));
	return false;
}

void config_watch_renew(struct config_watch *w)
{
	if (!w->loop)
		return;
	if (!folders_watch(w))
		log_warning("watch_config: cannot watch all of the configuration: %s",
		            strerror(errno));
	files_mark(&w->mark);           /* what changes from here on is another change */
}

void config_watch_stop(struct config_watch *w)
{
	if (!w->loop)
		return;
	timer_stop(w->loop, &w->settle);
	if (w->inotify.fd >= 0) {
		loop_unwatch(w->loop, &w->inotify);
		close(w->inotify.fd);
	}
	w->loop = NULL;
}
