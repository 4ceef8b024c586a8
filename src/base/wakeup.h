/* wakeup.h - estimate of how late the kernel wakes a sleeping thread.
 *
 * A loop sleeps that much less, and spins until its deadline. The struct belongs to the loop. */
#ifndef BASE_WAKEUP_H
#define BASE_WAKEUP_H

#include "vaurien.h"

/* ns: the longest time that a thread spins for one deadline. */
enum { WAKEUP_MOST = 500 * 1000 };

/* Running means in ns, by the bit length of the sleep in ns: longer sleeps are deeper. All zero:
 * nothing is known yet. */
struct wakeups { uint32_t late[64]; };

/* How long to sleep so as to be awake after `wait` ns: 0 to `wait`. */
vn_nsec wakeup_ask(const struct wakeups *, vn_nsec wait);

/* Notes that a sleep for wakeup_ask(wait) ns took `slept` ns. */
void wakeup_learn(struct wakeups *, vn_nsec wait, vn_nsec slept);

#endif
