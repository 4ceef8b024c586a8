/* keeper.h - gives back the backends that a scenario has changed, if the auditor dies before.
 *
 * Rules end by themselves, a backend does not. So the first change of one starts a child process,
 * in a session of its own. It reads from a pipe what is changed, and acts when the pipe ends. The
 * auditor owns the other end, which ends with it, in whatever way it dies. */
#ifndef AUDIT_KEEPER_H
#define AUDIT_KEEPER_H

#include "audit/api.h"

struct keeper {                         /* zero it first */
	int pipe;                       /* the auditor's end; 0: there is no child */
};

/* Before a change: what is to be put at `path` if the auditor dies. False: there can be no child,
 * and nothing may be changed. */
bool keeper_note(struct keeper *, struct api *, const char *path, const char *backend);

/* The backend at `path` has been given back. */
void keeper_forget(struct keeper *, const char *path);

/* The child ends, and gives back what was not forgotten. Nobody waits for it. */
void keeper_end(struct keeper *);

#endif
