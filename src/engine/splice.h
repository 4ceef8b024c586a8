/* splice.h - a pipe's way for bulk: bytes that no rule and no parser needs to see stay in the kernel. */
#ifndef ENGINE_SPLICE_H
#define ENGINE_SPLICE_H

#include "engine/engine.h"

void splice_note(struct pipe *, size_t n);      /* so many bytes came in one read: bulk, or not */
bool splice_takes(struct pipe *);       /* the next bytes go this way: the pipe has a splice pipe for them */
ssize_t splice_fill(struct pipe *);     /* returns as recv does; the splice pipe goes if nothing came */
bool splice_flush(struct pipe *);       /* true: all is sent, and the splice pipe is gone */

#endif
