/* wakeup.h - how late the machine wakes a thread that slept: learned, so that it asks to be woken
 * by so much earlier. */
#ifndef BASE_WAKEUP_H
#define BASE_WAKEUP_H

#include "vaurien.h"

/* ns that are asked for earlier at most: so long a thread may spin for one deadline */
enum { WAKEUP_MOST = 500 * 1000 };

struct wakeups {                        /* zeroed = nothing is known yet */
	/* ns, a running mean, by the bits of the time slept: the longer, the deeper was the
	 * sleep */
	uint32_t late[64];
};

/* how long to sleep so as to be awake in time; >= 0 */
vn_nsec wakeup_ask(const struct wakeups *, vn_nsec wait);
/* so long it took what was to be `wait`, as wakeup_ask said */
void wakeup_learn(struct wakeups *, vn_nsec wait, vn_nsec slept);

#endif
