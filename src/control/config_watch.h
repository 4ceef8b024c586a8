/* config_watch.h - the files of the configuration, watched: a change is told once it is whole.
 *
 * The folders are watched, not the files: editors replace a file, and Kubernetes replaces a link to
 * the folder that has it. Control thread only. */
#ifndef CONTROL_CONFIG_WATCH_H
#define CONTROL_CONFIG_WATCH_H

#include "base/loop.h"
#include "base/text.h"

struct config_watch {
	/* ---- set before config_watch_start() ---- */
	void (*changed)(struct config_watch *);

	/* ---- config_watch.c's ---- */
	struct loop *loop;              /* NULL: not started */
	struct watch inotify;
	struct timer settle;            /* several changes at once are one */
	uint64_t mark;                  /* of the files as they were read last */
};

/* Watches all files that were read so far. False: `error` has one sentence. */
bool config_watch_start(struct config_watch *, struct loop *, char error[ERROR_MAX]);

/* They were read again: those that came by it are watched, too. */
void config_watch_renew(struct config_watch *);
void config_watch_stop(struct config_watch *);          /* also one that was never started */

#endif
