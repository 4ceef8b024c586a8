/* listener.h - listening socket of a proxy: open, refusing, silent or closed.
 *
 * It belongs to worker 0's shard, and is freed with it. All functions run in worker 0's thread,
 * except listener_slot_freed(). */
#ifndef ENGINE_LISTENER_H
#define ENGINE_LISTENER_H

#include "base/loop.h"
#include "net/unix_socket.h"

struct birth;
struct shard;
struct worker;

struct listener {
	struct watch watch;             /* fd -1: it is not open */
	struct shard *shard;            /* in worker 0 */
	uint64_t accepted, freed;       /* connections ever; the next number is accepted + 1 */
	struct timer retry;             /* accepting pauses until then, or a connection ends */
	int reserve;                    /* clients get only descriptors below this number */
	bool open;                      /* started, and not stopped */
	bool warned;                    /* the lack of descriptors is in the log */
	enum vn_end state;              /* VN_STAY: open; VN_CLOSE: refusing; VN_VANISH: silent */
	char *unix_path;                /* NULL: none */
	struct unix_file unix_file;     /* the file that was bound, to be unlinked */
	struct birth *births, **births_end;     /* they wait for room, the oldest first */
};

/* As the rules want it: VN_STAY, VN_CLOSE or VN_VANISH. */
void listener_set_state(struct listener *, enum vn_end);

/* Accepts no client for `how_long` ns; 0: until the end of this round. */
void listener_pause(struct listener *, vn_nsec how_long);

/* Tries again to listen, after that has failed. shard->deaf has the result. */
void listener_retry(struct listener *);

/* Closes the socket. The listener can be started again. */
void listener_stop(struct listener *);
void listener_free(struct listener *);

/* Closes the socket that the worker keeps for the next client's backend. */
void listener_drop_spare(struct worker *);

/* A connection of this shard has ended, so there may be room for another. Any worker's thread. */
void listener_slot_freed(struct shard *);

#endif
