/* crowd.c - counts the links of all workers. When a crowd has gone, it gives memory back.
 *
 * A link takes 15 to 50 kB in small blocks. The C library keeps them when they are free, so a crowd
 * of half-open handshakes would leave its peak behind. A trim of a thousand links takes the worker
 * 8 ms, and a thousand handshakes take it 500 ms. A smaller crowd may come back at once, wave after
 * wave: so another thread trims, once it is quiet. */
#include "tls/crowd.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
	CROWD = 1024,                   /* links gone: more at once would stall the worker */
	FEW = 128,                      /* ... if that is half of them */
};

static _Atomic int links, peak;         /* `peak`: the most since the last trim */
static _Atomic bool told;               /* crowd_trim() is to come */
static void (*watcher)(void *);         /* NULL: none */
static void *watches;                   /* its argument */

void crowd_watch(void (*gone)(void *), void *whom)
{
	watcher = gone;
	watches = whom;
	atomic_store(&told, false);
}

void crowd_joins(void)
{
	int n = atomic_fetch_add_explicit(&links, 1, memory_order_relaxed) + 1;
	int most = atomic_load_explicit(&peak, memory_order_relaxed);

	while (n > most && !atomic_compare_exchange_weak(&peak, &most, n))
		;
}

static bool few_are_left(int n, int most)
{
	return most - n >= FEW && n <= most / 2;
}

static void trim(int n, int most)
{
	if (atomic_compare_exchange_strong(&peak, &most, n))
		malloc_trim(0);
}

void crowd_trim(void)
{
	atomic_store(&told, false);
	int n = atomic_load(&links), most = atomic_load(&peak);

	if (few_are_left(n, most))
		trim(n, most);
}

void crowd_leaves(void)
{
	int n = atomic_fetch_sub_explicit(&links, 1, memory_order_relaxed) - 1;
	int most = atomic_load_explicit(&peak, memory_order_relaxed);

	if (most - n >= CROWD || (!watcher && few_are_left(n, most)))
		trim(n, most);
	else if (few_are_left(n, most) && !atomic_exchange(&told, true))
		watcher(watches);
}
