/* stats.h - counters with one writer each, summed by whoever asks. */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

enum counter {
	STAT_OPENED,            /* connections accepted */
	STAT_CLOSED,            /* ... and gone */
	STAT_RAW,               /* connections that a parser gave up */
	STAT_EXCHANGES,
	STAT_READS_REQUEST,     /* reads that brought bytes, by direction */
	STAT_READS_RESPONSE,
	STAT_BYTES_REQUEST,     /* bytes read, by direction */
	STAT_BYTES_RESPONSE,
	STAT_RAW_CLOSED,        /* raw connections that are gone: STAT_RAW less these are open */
	STAT_COUNTERS
};

struct stats { _Atomic uint64_t n[STAT_COUNTERS]; };    /* one proxy in one worker: that worker writes */

static inline void stats_add(struct stats *s, enum counter c, uint64_t n)
{
	atomic_store_explicit(&s->n[c], atomic_load_explicit(&s->n[c], memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t stats_get(const struct stats *s, enum counter c)
{
	return atomic_load_explicit(&s->n[c], memory_order_relaxed);
}

#endif
