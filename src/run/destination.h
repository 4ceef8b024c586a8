/* destination.h - the address that a caller of connect() names. */
#ifndef RUN_DESTINATION_H
#define RUN_DESTINATION_H

#include "run/state.h"

/* Reads it from the caller's memory, and makes it plain. False: it concerns us not, or cannot be
 * read: the caller is to go on. *unreadable: its memory may not be read. */
bool destination_read(const struct supervisor *, const struct caller *, struct endpoint *,
                      bool *unreadable);

#endif
