/* clock.c - monotonic time for waiting, real time for people, a thread's own for limits. */
#include "base/clock.h"

#include <time.h>

static vn_nsec clock_read(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}

vn_nsec clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

vn_nsec clock_real(void)
{
	return clock_read(CLOCK_REALTIME);
}

vn_nsec clock_thread(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}
