/* listener.h - the listening socket of a proxy: open, refusing, silent, closed. It lives in worker 0. */
#ifndef ENGINE_LISTENER_H
#define ENGINE_LISTENER_H

#include "base/loop.h"
#include "net/unix_socket.h"

struct shard;
struct worker;

struct listener {                       /* as long as its proxy */
	struct watch watch;             /* fd -1: it is not open */
	struct shard *shard;            /* in worker 0 */
	uint64_t accepted, freed;       /* connections ever; the next one gets the number accepted + 1 */
	struct timer retry;             /* accepting pauses until then, or until a connection goes */
	int reserve;                    /* descriptors from this number on are not for clients */
	bool open;                      /* started and not stopped */
	bool warned;                    /* of being out of descriptors */
	enum vn_end state;              /* VN_STAY: open; VN_CLOSE: clients are refused; VN_VANISH: they get no answer */
	char *unix_path;                /* NULL: none */
	struct unix_file unix_file;     /* to be unlinked, as it was bound */
};

void listener_set_state(struct listener *, enum vn_end);        /* as the rules have it: VN_STAY, VN_CLOSE, VN_VANISH */
void listener_pause(struct listener *, vn_nsec how_long);       /* accepting goes on then; 0: at the end of this round */
void listener_retry(struct listener *);         /* to listen again, where that failed: shard->deaf says so */
void listener_stop(struct listener *);          /* closes; it may be started again */
void listener_free(struct listener *);
void listener_drop_spare(struct worker *);      /* the socket that is kept for the next client's backend */

void listener_slot_freed(struct shard *);       /* a connection of it has gone, in any worker: there may be room */

#endif
