/* splice.h - a pipe's way for bulk: bytes that no rule and no parser needs to see stay in the kernel. */
#ifndef ENGINE_SPLICE_H
#define ENGINE_SPLICE_H

#include <stdbool.h>
#include <sys/types.h>

struct pipe;

void splice_note(struct pipe *, size_t n);      /* so many bytes came in one read: bulk, or not */
bool splice_takes(struct pipe *);       /* what comes next goes this way: p->duct is there for it */
ssize_t splice_fill(struct pipe *);     /* as recv says; the duct goes if nothing came */
bool splice_flush(struct pipe *);       /* true: all is gone, and the duct with it */
void splice_drop(struct pipe *);        /* and what is in it */

#endif
