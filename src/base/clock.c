/* clock.c - the two clocks: monotonic for waiting, real time for people. */
#include "base/clock.h"

#include <time.h>

vn_nsec clock_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}

vn_nsec clock_real(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}
