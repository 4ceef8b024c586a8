/* stats.h - counters with one writer each, summed by whoever asks. */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "vaurien.h"

enum counter {
	STAT_OPENED,            /* connections accepted */
	STAT_CLOSED,            /* ... and gone */
	STAT_RAW,               /* connections that a parser gave up */
	STAT_RAW_CLOSED,        /* ... and gone: STAT_RAW less these are open */
	STAT_EXCHANGES,         /* requests that were answered */
	STAT_READS_REQUEST,     /* reads that brought bytes, by direction */
	STAT_READS_RESPONSE,
	STAT_READ_REQUEST,      /* bytes read, by direction */
	STAT_READ_RESPONSE,
	STAT_SENT_REQUEST,      /* bytes sent, by direction */
	STAT_SENT_RESPONSE,
	STAT_COUNTERS
};

enum why {                      /* why a connection ended */
	WHY_BOTH,               /* both sides have ended */
	WHY_CLIENT_RESET,
	WHY_BACKEND_RESET,
	WHY_BACKEND_ENDED,      /* ... before an end could take its turn */
	WHY_NO_BACKEND,         /* it cannot be reached */
	WHY_RULE_CLOSED,
	WHY_RULE_RESET,
	WHY_RULE_REMOVED,       /* closed by a rule that was removed */
	WHY_GONE,               /* its client has left and a rule holds the rest */
	WHY_IDLE,
	WHY_LOST,               /* the answer to a refused request is not understood */
	WHY_SHUT,               /* its proxy was disabled, deleted or moved */
	WHY_STOP,               /* the proxy stops */
	WHY_API,                /* a client of the API says so */
	WHYS
};

extern const struct why_words { const char *name, *text; } why_words[WHYS];     /* for machines, for people */

/* How long things took, by the bounds in stats.c; the last bucket has what is beyond all of them. */
enum { BOUNDS = 20 };
extern const vn_nsec histogram_bounds[BOUNDS];
struct histogram { _Atomic uint64_t n[BOUNDS + 1], sum; unsigned latest; };    /* latest: the writer's own, where it noted last */

struct stats {                  /* one proxy in one worker: that worker writes */
	_Atomic uint64_t n[STAT_COUNTERS];
	_Atomic uint64_t ended[WHYS];
	_Atomic uint64_t held;          /* no counter: bytes that wait now, see shard_held_add */
	struct histogram answered;      /* from the request to the last byte of its answer */
};

struct figures {                /* the same, as of now, of all who were added */
	uint64_t n[STAT_COUNTERS], ended[WHYS], held;
	struct times { uint64_t n[BOUNDS + 1], sum; } answered;
};

void histogram_note(struct histogram *, vn_nsec);
void times_add(struct times *, const struct histogram *);
void figures_add(struct figures *, const struct stats *);

/* Those that came and not went. Workers count meanwhile: the two may cross. */
static inline uint64_t figures_open(const struct figures *f, enum counter came, enum counter went)
{
	return f->n[came] > f->n[went] ? f->n[came] - f->n[went] : 0;
}

/* A plain add: there is no other writer. */
static inline void count_add(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void stats_add(struct stats *s, enum counter c, uint64_t n)
{
	count_add(&s->n[c], n);
}

#endif
