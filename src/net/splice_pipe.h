/* splice_pipe.h - pipes of the kernel's, through which bulk goes without entering this process.
 *
 *   from -> [ duct: n bytes ] -> to
 *
 * A duct belongs to a pipe only while it holds bytes of it. There are few: the kernel gives a user
 * no more. */
#ifndef NET_SPLICE_PIPE_H
#define NET_SPLICE_PIPE_H

#include <stdbool.h>
#include <sys/types.h>

#include "vaurien.h"

struct splice_pipe {
	struct splice_pipe *next;              /* of the spare ones */
	int read, write;
	size_t room, n;                 /* so many bytes it takes; so many are in it */
};

struct splice_pipes {                          /* a worker's */
	struct splice_pipe *spare;             /* empty ones */
	unsigned spares, made, most;
	uint64_t moved;                 /* bytes that have gone through */
	/* when the kernel has refused one, it is not asked before */
	vn_nsec again;
};

void splice_pipes_init(struct splice_pipes *, unsigned threads);
/* the spare ones go: somebody needs their descriptors */
void splice_pipes_trim(struct splice_pipes *);

/* an empty one; NULL: there is none to be had */
struct splice_pipe *splice_pipe_take(struct splice_pipes *, vn_nsec now);
/* back; what is still in it is lost */
void splice_pipe_give(struct splice_pipes *, struct splice_pipe *);

/* as recv says: so many came, 0: the end, -1: errno */
ssize_t splice_pipe_fill(struct splice_pipe *, int fd, size_t most);
/* as send says */
ssize_t splice_pipe_flush(struct splice_pipes *, struct splice_pipe *, int fd);

#endif
