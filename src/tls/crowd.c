/* crowd.c - counts the links of all workers. When a crowd has gone, it gives memory back.
 *
 * A link takes 15 to 50 kB in small blocks. The C library keeps them when they are free, so a crowd
 * of half-open handshakes would leave its peak behind. A trim of a thousand links takes the worker
 * 8 ms, and a thousand handshakes take it 500 ms. */
#include "tls/crowd.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
	CROWD = 1024,                   /* links gone: more at once would stall the worker */
	FEW = 128,                      /* ... if that is half of them */
};

static _Atomic int links, peak;         /* `peak`: the most since the last trim */

void crowd_joins(void)
{
	int n = atomic_fetch_add_explicit(&links, 1, memory_order_relaxed) + 1;
	int most = atomic_load_explicit(&peak, memory_order_relaxed);

	while (n > most && !atomic_compare_exchange_weak(&peak, &most, n))
		;
}

static bool crowd_is_gone(int n, int most)
{
	return most - n >= CROWD || (most - n >= FEW && n <= most / 2);
}

void crowd_leaves(void)
{
	int n = atomic_fetch_sub_explicit(&links, 1, memory_order_relaxed) - 1;
	int most = atomic_load_explicit(&peak, memory_order_relaxed);

	if (crowd_is_gone(n, most) && atomic_compare_exchange_strong(&peak, &most, n))
		malloc_trim(0);
}
