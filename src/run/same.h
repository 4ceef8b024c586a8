/* same.h - is it the same address? */
#ifndef RUN_SAME_H
#define RUN_SAME_H

#include "net/address.h"

/* Of plain ones: see endpoint_plain(). */
bool endpoint_same(const struct endpoint *, const struct endpoint *);

#endif
