/* line.h - a line that models a slow link: when bytes have passed it.
 *
 * Bytes enter it one after the other. Times are by the loop's clock. */
#ifndef ENGINE_LINE_H
#define ENGINE_LINE_H

#include <stdatomic.h>

#include "vaurien.h"

static inline vn_nsec later(vn_nsec a, vn_nsec b)
{
	return a > b ? a : b;
}

static inline vn_nsec line_passed(vn_nsec start, size_t n, uint64_t rate)
{
	__int128 end = start + (rate ? (__int128)n * VN_S / rate : 0);

	return end < VN_NEVER ? (vn_nsec)end : VN_NEVER;
}

/* The same on a line that connections share. They take slots in turn. */
static inline vn_nsec line_shared(_Atomic vn_nsec *line, vn_nsec from, size_t n, uint64_t rate)
{
	vn_nsec was = atomic_load_explicit(line, memory_order_relaxed), end;

	do
		end = line_passed(later(was, from), n, rate);
	while (!atomic_compare_exchange_weak_explicit(line, &was, end, memory_order_relaxed,
	                                              memory_order_relaxed));
	return end;
}

#endif
