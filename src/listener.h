/* listener.h - binding, accepting, numbering, dealing: one listener per proxy, in worker 0. */
#ifndef LISTENER_H
#define LISTENER_H

#include "address.h"
#include "loop.h"

struct proxy;

struct listener {
	struct watch watch;
	struct proxy *proxy;            /* in worker 0 */
	uint64_t accepted, gone;        /* connections ever; the next one gets the number accepted + 1 */
	struct timer retry;             /* accepting pauses until then, or until a connection goes */
	bool warned;                    /* of being out of descriptors */
	enum end state;                 /* STAY: open; CLOSE: clients are refused; VANISH: they are not answered */
	char *unix_path;                /* to unlink; NULL: none */
};

/* Bind and listen: control does, so that "in use" is an error of its own. -1: `error` says why. A unix
 * path left behind by nobody alive is taken over. `bound` gets the address as the kernel has it. */
int  listener_bind(const struct address *, int64_t backlog, struct endpoint *bound, char *error, size_t size);

struct listener *listener_start(struct proxy *, int fd, const char *unix_path);
void listener_stop(struct listener *);          /* frees */
void listener_obey(struct listener *, enum end);        /* what the rules say of the port: STAY, CLOSE, VANISH */
void listener_left(struct listener *);          /* a connection has gone: there may be room */

#endif
