/* process.h - programs that the auditor runs: each in a process group of its own, with its output.
 *
 * One table of those that run; SIGCHLD comes as a readable descriptor. A program that ends is
 * reaped, and what is left of its group is killed. The auditor's own death ends all of them. */
#ifndef AUDIT_PROCESS_H
#define AUDIT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "audit/poller.h"
#include "base/text.h"

struct process {                        /* zero it first */
	pid_t pid;                      /* of its group, too; 0: it does not run */
	struct poll_fd out;             /* its standard output; with `all` its errors, too */
	bool all;
	bool tail;                      /* the end of a long output is kept, else its beginning */
	char *text;                     /* output so far, at most PROCESS_TEXT bytes; ends with 0 */
	size_t n;
	int log;                        /* all output is written to it; 0: nowhere */
	int status;                     /* of waitpid(), when it has ended */
	void (*ended)(struct process *);
	struct process *next;
};

enum { PROCESS_TEXT = 256 << 10 };

/* Once, before all others: SIGCHLD, and the signals that end a run: `stop` is called with them. */
bool processes_init(struct poller *, void (*stop)(int signal));
void processes_free(void);              /* kills what still runs */

/* `environment`: NAME=VALUE, NULL at the end; NULL: the auditor's own. False: `error` has a
 * sentence. A program that is not there ends with exit code 127. */
bool process_start(struct process *, const char *const argv[], char **environment,
                   char error[ERROR_MAX]);
bool process_shell(struct process *, const char *command, char **environment,
                   char error[ERROR_MAX]);
void process_signal(struct process *, int signal);      /* to its group */
void process_kill(struct process *);    /* and reap; `ended` is not called */
void process_clear(struct process *);   /* free the output of one that has ended */

/* Copy all its output to this file, from now on. `folder` NULL: nowhere. */
void process_log(struct process *, const char *folder, const char *name);

/* "exit 3", "signal 9" */
const char *process_status(const struct process *, char buffer[24]);

#endif
