/* send.h - the far end of a pipe: what is due goes, at its pace, as far as there is room. */
#ifndef ENGINE_SEND_H
#define ENGINE_SEND_H

#include "engine/engine.h"

void send_due(struct pipe *);           /* the queue, as far as it goes; its timer is set for the rest */

/* How many bytes may wait for their pace while more is read, which will be `late`: enough that the line does not
 * run dry. */
size_t send_ahead(const struct pipe *, vn_nsec late);

#endif
