/* splice_pipe.h - pipes of the kernel's, through which bulk goes without entering this process.
 *
 *   from -> [ duct: n bytes ] -> to
 *
 * A duct belongs to a pipe only while it holds bytes of it. There are few: the kernel gives a user no more. */
#ifndef DUCT_H
#define DUCT_H

#include <stdbool.h>
#include <sys/types.h>

#include "vaurien.h"

struct duct {
	struct duct *next;              /* of the spare ones */
	int read, write;
	size_t room, n;                 /* so many bytes it takes; so many are in it */
};

struct ducts {                          /* a worker's */
	struct duct *spare;             /* empty ones */
	unsigned spares, made, most;
	uint64_t moved;                 /* bytes that have gone through */
	vn_nsec again;                     /* when the kernel has refused one, it is not asked before */
};

void ducts_init(struct ducts *, unsigned threads);
void ducts_trim(struct ducts *);        /* the spare ones go: somebody needs their descriptors */

struct duct *duct_take(struct ducts *, vn_nsec now);       /* an empty one; NULL: there is none to be had */
void duct_give(struct ducts *, struct duct *);          /* back; what is still in it is lost */

ssize_t duct_fill(struct duct *, int fd, size_t most);  /* as recv says: so many came, 0: the end, -1: errno */
ssize_t duct_flush(struct ducts *, struct duct *, int fd);              /* as send says */

#endif
