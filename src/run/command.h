/* command.h - the process that `vaurien run` starts: fork, filter, hand-over, exec.
 *
 * It is forked before there are other threads, and waits until command_release(). Between fork and
 * exec it calls async-signal-safe functions only. The main thread; then the supervisor's. */
#ifndef RUN_COMMAND_H
#define RUN_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/text.h"
#include "run/caller.h"

/* What the program has changed, and the command shall have as it was. */
struct original {
	sigset_t mask;
	struct sigaction pipe;          /* of SIGPIPE */
	struct rlimit descriptors;
};

/* To be called before anything is changed. */
void original_save(struct original *);

struct command {
	pid_t pid;
	int socket;                     /* to the child; it ends when the command is executed */
	int listener;                   /* the kernel's, for its calls of connect() */
	struct caller_means means;
};

/* Starts the child, which waits. False: `error` has a sentence; no child is left. */
bool command_start(struct command *, const struct original *, char **words, char **environment,
                   bool allow_io_uring, char error[ERROR_MAX]);

/* Lets it execute. Returns 0, or the errno of execvp(). */
int command_release(struct command *);

/* Ends a child that was not released. */
void command_cancel(struct command *);

#endif
