/* conn_list.h - list of a worker's live connections, for the API: GET /connections.
 *
 * A list is filled in steps, because the connections wait while it is filled. Its owner frees it
 * with conn_list_free(). */
#ifndef ENGINE_CONN_LIST_H
#define ENGINE_CONN_LIST_H

#include "engine/birth.h"
#include "net/address.h"
#include "tls/link.h"
#include "vaurien.h"

struct shard;

struct conn_info {
	uint64_t number;
	struct endpoint client, backend;        /* len 0: not connected */
	vn_nsec age, idle;              /* ns since it was accepted, since bytes last came */
	uint64_t asked;                 /* exchanges so far */
	/* Bytes, by direction: request, response. `ended`: the stream's end was read. */
	struct { uint64_t received, sent; size_t held; bool ended; } way[2];
	struct endpoint destination;    /* len 0: the client did not choose one */
	struct process process;         /* the client; pid 0: not known */
	bool raw, connecting;
	uint64_t exchange;              /* the oldest open one, if verb is not "" */
	char verb[24];                  /* its verb; "": no exchange is open */
	char rule[68];                  /* the rule that holds it; "": none */
	/* of the client's leg, of the backend's; NULL: it has no TLS. Owned by the entry */
	struct tls_about *tls[2];
	vn_nsec left;                   /* ns that the rule still holds it; VN_NEVER: no limit */
};

/* All zero at first, except `most`. */
struct conn_list {
	struct conn_info *of;           /* n entries, the newest connection first */
	size_t n, most;                 /* entries, their maximum */
	size_t open;                    /* connections when the list was begun */
	bool whole;                     /* there are no more to add */
};

/* In the worker's thread: adds up to n connections. */
void conn_list_continue(struct conn_list *, const struct shard *, size_t n);
void conn_list_free(struct conn_list *);

/* In the worker's thread: ends one connection by number, or all if number is 0. Returns how many
 * it ended. */
size_t conn_list_close(struct shard *, uint64_t number, enum vn_end);

#endif
