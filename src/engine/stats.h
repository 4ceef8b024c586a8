/* stats.h - counters of one proxy in one worker, and their sums.
 *
 * struct stats is part of its shard. Its worker writes, and any thread reads. */
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "base/fine.h"
#include "tls/alert.h"

enum counter {
	STAT_OPENED,                    /* connections accepted */
	STAT_CLOSED,                    /* connections ended */
	STAT_RAW,                       /* connections whose parser gave up */
	STAT_RAW_CLOSED,                /* and that have ended: STAT_RAW less these are open */
	STAT_EXCHANGES,                 /* requests answered */
	STAT_ASKED,                     /* requests that get an answer, but for raw connections */
	STAT_ABANDONED,                 /* and whose answer will not come, or was not sent */
	STAT_TURNS,                     /* now: turns of raw connections without an answer */
	STAT_ERRORS,                    /* answers that were errors; only while errors_wanted */
	STAT_READS_REQUEST,             /* reads that brought bytes, by direction */
	STAT_READS_RESPONSE,
	STAT_READ_REQUEST,              /* bytes read, by direction */
	STAT_READ_RESPONSE,
	STAT_SENT_REQUEST,              /* bytes sent, by direction */
	STAT_SENT_RESPONSE,
	STAT_TLS_WIRE,                  /* bytes on the wire of both legs' TLS, both ways */
	STAT_DATAGRAMS_REQUEST,         /* sent, by direction; those received are reads */
	STAT_DATAGRAMS_RESPONSE,
	STAT_BYPASSES,                  /* addresses in answers, before which no proxy stands */
	STAT_COUNTERS
};

/* Why a connection ended. */
enum close_reason {
	CLOSE_REASON_BOTH,              /* both sides have ended */
	CLOSE_REASON_CLIENT_RESET,
	CLOSE_REASON_BACKEND_RESET,
	CLOSE_REASON_BACKEND_ENDED,     /* before an end in turn was reached */
	CLOSE_REASON_NO_BACKEND,        /* it cannot be reached */
	CLOSE_REASON_RULE_CLOSED,
	CLOSE_REASON_RULE_RESET,
	CLOSE_REASON_RULE_REMOVED,      /* closed by a rule that was removed */
	CLOSE_REASON_GONE,              /* its client has left and a rule holds the rest */
	CLOSE_REASON_IDLE,
	CLOSE_REASON_LOST,              /* the answer to a refused request is not understood */
	CLOSE_REASON_SHUT,              /* its proxy was disabled, deleted or moved */
	CLOSE_REASON_STOP,              /* the proxy stops */
	CLOSE_REASON_API,               /* ended through the API */
	CLOSE_REASON_CLIENT_TLS,        /* the handshake or a record of this leg has failed */
	CLOSE_REASON_BACKEND_TLS,
	CLOSE_REASON_EVICTED,           /* of datagrams: there was a newer one, and no room */
	CLOSE_REASONS
};

/* For programs, for people. */
extern const struct close_reason_name { const char *name, *text; }
	close_reason_names[CLOSE_REASONS];

/* Why datagrams are lost, but for what rules do. */
enum datagram_loss {
	LOSS_KERNEL,                    /* our socket was full when they came */
	LOSS_SOCKET,                    /* a socket was full when they were to leave */
	LOSS_REFUSED,                   /* the other end's kernel has no such port (ICMP) */
	LOSS_SIZE,                      /* they are too big to be sent */
	LOSS_NETWORK,                   /* there is no way to the other end */
	LOSS_HELD,                      /* as many are held as may be */
	LOSS_LINE,                      /* as many wait for the bandwidth as may */
	LOSS_BACKEND,                   /* the backend's name has no address */
	DATAGRAM_LOSSES
};

extern const char *const datagram_loss_names[DATAGRAM_LOSSES];

/* Somebody reads STAT_ERRORS: else no protocol looks for errors. Control sets it. */
extern _Atomic bool errors_wanted;

static inline bool errors_counted(void)
{
	return __builtin_expect(atomic_load_explicit(&errors_wanted, memory_order_relaxed), 0);
}

/* Of one leg's TLS. */
struct tls_stats {
	_Atomic uint64_t done[TLS_VERSIONS][2];         /* handshakes, by version, resumed */
	_Atomic uint64_t failed[TLS_REASONS];
	_Atomic uint64_t truncated;     /* streams that ended without close_notify */
};

struct stats {
	_Atomic uint64_t n[STAT_COUNTERS];
	_Atomic uint64_t ended[CLOSE_REASONS];
	_Atomic uint64_t lost[DATAGRAM_LOSSES];
	_Atomic uint64_t held;          /* bytes that wait now, see shard_held_add() */
	struct fine answered;           /* from a request to the last byte of its answer */
	struct tls_stats tls[2];        /* of the client's leg, of the backend's */
	struct fine tls_time;           /* of handshakes that were done */
};

/* Sums of several. */
struct totals {
	uint64_t n[STAT_COUNTERS], ended[CLOSE_REASONS], lost[DATAGRAM_LOSSES], held;
	struct histogram_totals answered, tls_time;
	struct {
		uint64_t done[TLS_VERSIONS][2], failed[TLS_REASONS], truncated;
	} tls[2];
};

void totals_add(struct totals *, const struct stats *);

/* Requests whose client has no answer now: `answered` counts answers that were sent. */
uint64_t totals_waiting(const struct totals *);

/* The difference of two counters. Workers count meanwhile, so it may be negative: then 0. */
static inline uint64_t totals_open(const struct totals *f, enum counter came, enum counter went)
{
	return f->n[came] > f->n[went] ? f->n[came] - f->n[went] : 0;
}

static inline void stats_add(struct stats *s, enum counter c, uint64_t n)
{
	count_add(&s->n[c], n);
}

#endif
