/* wakeup.c - estimate of how late the kernel wakes a sleeping thread.
 *
 * After 100 ms of sleep a processor wakes later than after 1 ms; in a virtual machine by some
 * 0.15 ms. A thread that is far later than usual had no processor meanwhile. Such a sample is
 * clamped, because it predicts nothing. */
#include "base/wakeup.h"

static unsigned bits(vn_nsec wait)
{
	return wait > 0 ? 63 - (unsigned)__builtin_clzll((unsigned long long)wait) : 0;
}

vn_nsec wakeup_ask(const struct wakeups *w, vn_nsec wait)
{
	vn_nsec late = w->late[bits(wait)];

	return wait > late ? wait - late : 0;
}

void wakeup_learn(struct wakeups *w, vn_nsec wait, vn_nsec slept)
{
	uint32_t *known = &w->late[bits(wait)];
	vn_nsec late = slept - wakeup_ask(w, wait), most = 2 * (vn_nsec)*known + 50 * VN_US;

	if (most > WAKEUP_MOST)
		most = WAKEUP_MOST;
	late = late < 0 ? 0 : late > most ? most : late;
	*known = (uint32_t)(*known + (late - (vn_nsec)*known) / (late > *known ? 2 : 4));
}
