/* listener.h - binding, accepting, numbering, dealing: one listener per proxy, in worker 0. */
#ifndef ENGINE_LISTENER_H
#define ENGINE_LISTENER_H

#include "net/address.h"
#include "base/loop.h"

struct shard;

struct listener {                       /* as long as its proxy */
	struct watch watch;             /* fd -1: it is not open */
	struct shard *shard;            /* in worker 0 */
	uint64_t accepted, gone;        /* connections ever; the next one gets the number accepted + 1 */
	struct timer retry;             /* accepting pauses until then, or until a connection goes */
	int reserve;                    /* descriptors from this number on are not for clients */
	bool open;                      /* started and not stopped */
	bool warned;                    /* of being out of descriptors */
	enum vn_end state;                 /* VN_STAY: open; VN_CLOSE: clients are refused; VN_VANISH: they are not answered */
	char *unix_path;                /* to unlink; NULL: none */
};

/* Bind and listen: control does, so that "in use" is an error of its own. A unix path left behind by
 * nobody alive is taken over. `bound` gets the address as the kernel has it. Below 0: an errno, negative. */
int  listener_bind_at(const struct endpoint *, int64_t backlog, struct endpoint *bound);

/* The same, of words. It may look names up, and so block: for the start. -1: `error` says why. */
bool listener_find(const struct address *, struct endpoint *, char *error, size_t size);
int  listener_bind(const struct address *, int64_t backlog, struct endpoint *bound, char *error, size_t size);

void listener_start(struct shard *, int fd, const char *unix_path);     /* the first makes it */
void listener_stop(struct listener *);          /* closes; it may be started again, and numbers go on */
void listener_free(struct listener *);
void listener_set_state(struct listener *, enum vn_end);        /* what the rules say of the port: VN_STAY, VN_CLOSE, VN_VANISH */
void listener_slot_freed(struct listener *);          /* a connection has gone: there may be room */

#endif
