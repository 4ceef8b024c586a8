/* splice.h - splicing of bulk: bytes that no rule and no parser needs stay in the kernel. */
#ifndef ENGINE_SPLICE_H
#define ENGINE_SPLICE_H

#include "engine/engine.h"

/* Notes that one read brought n bytes: successive big reads are bulk. */
void splice_note(struct pipe *, size_t n);

/* Bytes that the next read brings at most: all that it can, or what shows whether bulk follows. */
size_t splice_head(const struct pipe *);

/* After such a read: of n bytes, what could be cut has been. */
void splice_headed(struct pipe *, size_t n);

/* True if the next bytes are spliced. The pipe has a splice pipe then. */
bool splice_takes(struct pipe *);

/* Reads into the splice pipe. Returns as recv() does. If nothing came, the splice pipe is given
 * back. */
ssize_t splice_fill(struct pipe *);

/* Sends from the splice pipe. True: all is sent, and the splice pipe is given back. */
bool splice_flush(struct pipe *);

#endif
