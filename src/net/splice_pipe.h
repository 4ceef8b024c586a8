/* splice_pipe.h - kernel pipes that move bulk between two sockets without copying it.
 *
 *   from -> [ splice pipe: n bytes ] -> to
 *
 * A pipe of a connection owns a splice pipe only while bytes are in it. Empty ones belong to the
 * worker. There are few, because the kernel limits them per user. */
#ifndef NET_SPLICE_PIPE_H
#define NET_SPLICE_PIPE_H

#include <stdbool.h>
#include <sys/types.h>

#include "vaurien.h"

struct splice_pipe {
	struct splice_pipe *next;       /* in the list `spare` */
	int read, write;                /* descriptors */
	size_t room, n;                 /* capacity in bytes, bytes in it */
};

/* A worker's. */
struct splice_pipes {
	struct splice_pipe *spare;      /* empty ones */
	unsigned spares, made, most;    /* in the list, in all, allowed */
	uint64_t moved;                 /* bytes sent through them */
	vn_nsec again;                  /* the kernel refused one: no try before */
};

/* Divides the splice pipes among `threads`. Makes none yet. */
void splice_pipes_init(struct splice_pipes *, unsigned threads);

/* Closes the empty ones, because their descriptors are needed. */
void splice_pipes_trim(struct splice_pipes *);

/* Returns an empty one. NULL: there is none, and the caller reads and writes instead. */
struct splice_pipe *splice_pipe_take(struct splice_pipes *, vn_nsec now);

/* Returns it to the worker. If bytes are in it, they are lost and it is closed. */
void splice_pipe_give(struct splice_pipes *, struct splice_pipe *);

/* Reads until `most` bytes are in it. Returns as recv() does: bytes read, 0 at the end of the
 * stream, -1 and errno. */
ssize_t splice_pipe_fill(struct splice_pipe *, int fd, size_t most);

/* Sends. Returns as send() does. */
ssize_t splice_pipe_flush(struct splice_pipes *, struct splice_pipe *, int fd);

#endif
