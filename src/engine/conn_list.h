/* conn_list.h - a worker's live connections, as a list for who asks: who they are, how far they are, what holds them. */
#ifndef ENGINE_CONN_LIST_H
#define ENGINE_CONN_LIST_H

#include "net/address.h"
#include "vaurien.h"

struct shard;

struct conn_info {
	uint64_t number;
	struct endpoint client, backend;        /* len 0: none, or none any more */
	vn_nsec age, idle;                 /* since it was accepted; since bytes last came */
	uint64_t asked;                 /* exchanges, so far */
	struct { uint64_t received, sent; size_t held; bool ended; } way[2];    /* request, response */
	bool raw, connecting;
	uint64_t exchange;              /* the oldest that is not answered ... */
	char verb[24];                  /* ... and what it asks; "": none is */
	char rule[68];                  /* that holds it; "": none does */
	vn_nsec left;                      /* for so long; VN_NEVER: until that goes */
};

struct conn_list {                         /* zeroed at first */
	struct conn_info *of;        /* n entries, from the newest on ... */
	size_t n, most;                 /* ... and no more than `most` */
	size_t open;                    /* connections there were when it was begun */
	bool whole;                     /* there are no more to be had */
};

void conn_list_continue(struct conn_list *, const struct shard *, size_t n);     /* n more of them: it takes time, and others wait */
void conn_list_free(struct conn_list *);

/* End one connection, or all where number is 0, as a client of the API says. How many there were. */
size_t conn_list_close(struct shard *, uint64_t number, enum vn_end);

#endif
