/* send.h - the far end of a pipe: what is due goes, at its pace, as far as there is room. */
#ifndef ENGINE_SEND_H
#define ENGINE_SEND_H

#include <sys/types.h>
#include <sys/uio.h>

#include "vaurien.h"

struct pipe;
struct side;

size_t send_ahead(const struct pipe *, vn_nsec late);      /* so much may wait for its pace, so that there is more when it has gone, where what is read next will be late */
void send_due(struct pipe *);           /* the queue, as far as it goes; its timer is set for the rest */
ssize_t send_now(struct pipe *, const struct iovec *, unsigned n);      /* -1: no room, or broken, which the side then knows */

void send_refused(struct pipe *, int error);            /* ... as this one does */

void send_count(struct pipe *, size_t n);          /* so many bytes have gone */

#endif
