/* birth.h - connections that are born with their sockets: others accept for a proxy.
 *
 *   a thread that accepts -> accept_birth() -> worker 0, which numbers -> the connection's worker
 *
 * The proxy has a gate (spec/gate.h) and no listening socket. A birth belongs to its sender until
 * accept_birth(), then to the engine; a connection keeps it to its end. */
#ifndef ENGINE_BIRTH_H
#define ENGINE_BIRTH_H

#include "base/loop.h"
#include "net/address.h"

struct shard;
struct worker;

/* Who connected, as far as is known. */
struct process { int pid; char name[16]; };     /* pid 0: not known */

struct birth {
	struct mail mail;
	struct worker *worker;          /* worker 0 */
	unsigned proxy;                 /* the proxy's number */
	int client;                     /* a connected socket; -1: the connection has it */
	int backend;                    /* a socket that connects to `to`; -1: none, or as above */
	bool connected;                 /* ... and is connected already */
	struct endpoint to;             /* what the client wanted */
	bool elsewhere;                 /* connect to the proxy's backend instead of to that */
	struct process process;
	struct shard *shard;            /* set by the engine: where the connection lives ... */
	uint64_t number;                /* ... and its number */
	struct birth *next;             /* while it waits for room: --pool-max-size */
};

/* Resets the sockets that no connection has. NULL is allowed. */
void birth_free(struct birth *);

/* Worker 0's thread: shows at the gate of this shard's proxy what the rules want. Does nothing for
 * a proxy without a gate. `gone`: it is being removed. */
void birth_gate_set(struct shard *, bool gone);

#endif
