/* datagram.h - structs of a proxy on udp://: its socket, its sessions, datagrams that wait.
 *
 *                 +-> flow: a connected socket -> backend
 *   clients <-> socket -> flow ...
 *
 * A flow is what is a connection elsewhere: the datagrams between one client and the address that
 * it has asked. A datagram is a message: it is never joined with another, nor split. All of it
 * belongs to worker 0, whose shard owns the struct datagrams; that owns the flows, and a flow its
 * waiting datagrams. A flow dies in flow_end(), a waiting datagram when it is sent or dropped. */
#ifndef ENGINE_DATAGRAM_H
#define ENGINE_DATAGRAM_H

#include <netinet/in.h>

#include "engine/engine.h"

enum {
	DATAGRAM_MAX = 65535,           /* bytes */
	DATAGRAM_BATCH = 32,            /* received or sent by one call of the kernel */
	DATAGRAM_EXCHANGES = 1024,      /* open ones of a flow; more: the oldest is abandoned */
};

/* Who talks to which of our addresses. Zeroed before it is filled in: it is hashed as a whole. */
struct flow_key {
	union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; } client;
	struct in6_addr local;          /* on a wildcard: the address that was asked; else 0 */
	uint32_t interface;             /* on a wildcard of IPv6; else 0 */
};

/* A datagram that waits for its time, or (`behind`) for others. */
struct waiting {
	struct timer timer;
	struct flow *flow;
	struct waiting *next, **link;   /* of its flow and direction, in the order of arrival */
	vn_nsec came, due;              /* when it came, when it may be sent */
	struct holds *why;
	vn_nsec began;                  /* of the exchange that it answers */
	struct trace *trace;            /* the same; NULL: none */
	unsigned behind, copies;        /* others to pass it; times that it is sent beyond one */
	bool on_line;                   /* it is counted in flow_way.on_line */
	bool answers;                   /* `began` is that of an exchange */
	uint8_t direction;              /* enum vn_direction */
	size_t n;
	uint8_t bytes[];
};

/* One direction of a flow. */
struct flow_way {
	uint64_t came, sent;            /* bytes */
	uint64_t n;                     /* datagrams that came */
	struct waiting *first, **last;
	size_t held;                    /* bytes of those that wait, with PARCEL_COST each */
	size_t on_line; vn_nsec line_free;      /* bytes that wait for the line; when it is free */
	vn_nsec ordered;                /* due time of the last one that keeps its order */
	unsigned behind;                /* that wait for others */
};

struct flow {
	struct datagrams *of;
	struct flow_key key;
	struct flow *same;              /* the next one with this hash */
	struct flow *next, **link;      /* in the shard's list, the newest first */
	struct flow *older, *newer;     /* by their last datagram */
	uint64_t number;                /* a connection's, from 1 */
	struct watch watch;             /* the socket to the backend; fd -1: not connected yet */
	struct lookup *lookup;          /* of the backend's name; NULL: none is under way */
	struct plan *plan;              /* a reference; all flags refer to its rules */
	struct rule_flags whole;
	ruleset meant;
	struct rule_state **states;     /* one per rule; NULL: there are no rules */
	uint64_t vanished;              /* nothing passes while this rule (id) is there; 0: none */
	struct exchanges exchanges;
	uint64_t asked, pushed;         /* numbers given to exchanges */
	struct flow_way way[2];         /* request, response */
	vn_nsec since, active;
	uint64_t drops;                 /* of the kernel, as far as they are counted */
	struct mail later;              /* to free it */
	unsigned idle;                  /* session->idle */
	bool dead;                      /* flow_doom(): it ends when its caller is done */
	uint8_t why;                    /* enum close_reason */
	uint8_t state[] __attribute__((aligned(16)));   /* the protocol's */
};

/* Datagrams on their way into one socket, in one call. Their bytes are others'. */
struct outbox {
	int fd;
	enum vn_direction direction;
	unsigned n;
	struct mmsghdr of[DATAGRAM_BATCH];
	struct iovec bytes[DATAGRAM_BATCH];
	struct flow *flows[DATAGRAM_BATCH];
	char control[DATAGRAM_BATCH][64] __attribute__((aligned(8)));
};

/* What one call of recvmmsg() brought. One for all proxies of the thread. */
struct inbox {
	struct mmsghdr of[DATAGRAM_BATCH];
	struct iovec bytes[DATAGRAM_BATCH];
	struct sockaddr_in6 from[DATAGRAM_BATCH];
	char control[DATAGRAM_BATCH][128] __attribute__((aligned(8)));
	struct outbox out;
	uint8_t room[DATAGRAM_BATCH][DATAGRAM_MAX + 1];
	uint8_t spoilt[2 * DATAGRAM_MAX + 65536];
};

struct datagrams {
	struct watch watch;             /* fd -1: it does not listen */
	struct shard *shard;            /* in worker 0 */
	bool wildcard, v6;
	enum vn_end state;              /* VN_STAY, or VN_CLOSE: a rule has closed the port */
	struct endpoint at;             /* its own address */
	struct flow **table; size_t mask;       /* by the hash of their keys */
	struct flow *oldest, *newest;   /* by their last datagram */
	size_t flows;
	uint64_t hash[2];               /* keys of the hash */
	struct timer idle;              /* for the oldest flow's end */
	vn_nsec clock;                  /* the last arrival: no two are at the same time */
	uint64_t drops;                 /* of the kernel, as far as they are counted */
};

/* Notes an arrival: its time is behind that of all before it. */
static inline void datagrams_tick(struct datagrams *d)
{
	vn_nsec now = d->shard->worker->loop.now;

	d->clock = now > d->clock ? now : d->clock + 1;
}

static inline unsigned way_index(enum vn_direction d)
{
	return d == VN_RESPONSE;
}

static inline struct worker *flow_worker(const struct flow *f)
{
	return f->of->shard->worker;
}

static inline const struct vn_protocol *flow_protocol(const struct flow *f)
{
	return f->plan->spec->protocol;
}

#endif
