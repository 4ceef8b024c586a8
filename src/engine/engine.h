/* engine.h - the structs that belong together: worker, shard, connection, sides, pipes.
 *
 *   worker -> shards -> connections          a thread; one proxy in this thread; its live connections
 *
 *             client <- response pipe <- backend
 *   connection: side                       side
 *             client -> request pipe  -> backend
 *
 * They are in one header since each names the others. Functions are in the headers of their own files;
 * here are only accessors, and the two that code below a connection needs: conn_later and conn_doom.
 * All of it belongs to one worker's thread, but for what is marked. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/buffer.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/text_cache.h"
#include "engine/exchange.h"
#include "engine/queue.h"
#include "engine/stats.h"
#include "net/connect.h"
#include "net/drain.h"
#include "net/splice_pipe.h"

struct conn;
struct listener;
struct shard;
struct worker;

/* ---- a pipe: one direction of a connection ----
 *
 *   from -> [ unparsed ] -> message under way -> [ queue: judged, in order ] -> [ splice pipe ] -> to
 *
 * Calm bytes with nothing before them go from the worker's buffer straight to `to`; only what must wait
 * is copied. Calm bulk does not even enter the buffer: it goes through a pipe in the kernel. */

enum { UNPARSED_MAX = 65536 };          /* bytes of an incomplete head; beyond, the connection goes raw */

struct current {                        /* the message under way */
	bool open;
	uint64_t body;                  /* bytes of its last cut that are still to come */
	bool last;                      /* with them it is complete */
	enum vn_role role;
	bool gone;                      /* its bytes go nowhere: dropped, refused, or a substitute's answer */
	uint64_t keep;                  /* so many more pass; UINT64_MAX: all */
	struct vn_dirt dirt;            /* for its first piece */
	enum vn_end end;                /* the connection's, behind this message */
	const char *raw;                /* why the connection is raw behind this message; NULL: it is not */
	struct holds *holds;
	struct exchange *exchange;      /* request: the one it opened, if that needs us; response: the one it answers */
};

struct pipe_work {                      /* what a pipe needs while something goes on in it; lent by the worker */
	struct pipe *pipe;
	struct queue queue;
	struct current now, sequel;     /* the latter is under way when the former is complete */
	uint8_t *run; size_t run_n;     /* calm bytes that travel together, still in the worker's buffer */
	uint8_t *unparsed;              /* UNPARSED_MAX bytes or more, only while needed */
	size_t unparsed_n;
	struct splice_pipe *splice_pipe;        /* its bytes go before all of the queue; NULL: none */
	vn_nsec line_free;              /* pace: when the line is free again */
	size_t slot; vn_nsec slot_end;  /* ... so many bytes are on it, and have passed it then */
	bool behind;                    /* bytes of `from` wait there for this pipe */
	bool halted, resumes;           /* what `unparsed` is depends on an answer | ... which has come */
	struct timer timer;             /* for the queue's first parcel */
};

struct pipe {                           /* what is left of it when it is calm: most are, most of the time */
	struct conn *conn;
	struct pipe_work *work;         /* its own, or the one of all calm pipes, which is never written to */
	uint64_t came, offset, sent;    /* bytes read, bytes cut and judged, bytes sent, of the whole stream */
	uint8_t direction;              /* enum vn_direction */
	uint8_t bulk;                   /* big reads in succession */
	bool eof;                       /* `from` has ended its stream */
	bool shut;                      /* ... and `to` has been told */
	bool raw;                       /* no messages are cut (any more) */
	bool ended;                     /* nothing more is read: an end waits for its turn */
};

struct work_pool { struct pipe_work *spare; unsigned spares; };         /* a worker's, not lent at the moment */

/* ---- a connection ---- */

struct side {                           /* one socket */
	struct watch watch;
	bool open;                      /* connected */
	bool readable, writable;        /* as far as is known */
	bool hup;                       /* the peer has ended: a read may not stop short of its end */
	bool broken;                    /* reset by the peer */
	bool unpaced;                   /* bulk to it goes as fast as it can: that was seen to */
};

struct conn_rules {                     /* what rules and times need of a connection: most need nothing */
	struct conn *conn;
	struct rule_flags whole;
	ruleset meant;                  /* the rules that apply to this client */
	struct endpoint *named;         /* whom a header names as the client; NULL: nobody, or it does not matter */
	struct rule_state **states;     /* one per rule of the plan */
	struct timer end_timer;         /* for the soonest end by the clock in `states` */
	struct timer rest_timer;        /* rest that must last before a rule strikes */
	ruleset rest_in; uint64_t rest_rule;    /* the rules that are in for it; whose `after` the timer is */
	uint64_t stalled;               /* nothing is read while the rule of this id is there; 0: none */
	uint64_t vanished;              /* ... and the client gets no answer */
	struct timer wait_timer;        /* for what comes first of: */
	vn_nsec gone_since;             /* a side left while a rule holds bytes; 0: none did */
	bool probed;                    /* the client may have left while a rule holds bytes for long: its kernel is asked */
	vn_nsec waits;                  /* connecting to the backend waits until then; 0: it does not */
	struct holds *opening;          /* ... and why */
};

struct conn {
	struct shard *shard;
	struct conn *next, **link;      /* among the shard's */
	uint64_t number;                /* in the order of acceptance, from 1 */
	struct side client, backend;
	struct pipe request, response;
	struct exchanges exchanges;
	uint64_t asked, pushed;         /* numbers given out */
	struct plan *plan;              /* to whose rules all flags refer; a reference */
	struct conn_rules *ruled;       /* its own, or the one of all that have none, never written to: conn_rules_get */
	struct turn turn;               /* without messages and rules, the exchange that is open */
	struct vn_text_cache *texts;    /* of prepared statements; NULL: none */
	struct connect_attempt *attempt;        /* to the backend, under way */
	int spare;                      /* a descriptor for the backend, reserved at accept; -1: used */
	unsigned idle;                  /* session->idle */
	vn_nsec since;                  /* accepted */
	vn_nsec active;                 /* bytes last came */
	struct mail later;              /* its turn at the end of the loop's round, or its last */
	bool queued : 1;                /* ... is posted */
	bool again : 1;                 /* something may move that did not */
	bool running : 1;               /* conn_run is on the stack */
	bool dead : 1;                  /* doomed: nothing moves any more, conn_run tears it down */
	bool gone : 1;                  /* torn down: only its memory is left */
	bool connect_due : 1;           /* the time to connect to the backend has come */
	bool raw_counted : 1, logged_in : 1, spoke : 1, resting : 1;
	bool request_dropped : 1;       /* the latest: what goes on with it is dropped too */
	bool begun : 1;                 /* how the client's stream begins is known ... */
	bool unsure : 1;                /* what the client sent first is kept back, for a short time: unsure_over() */
	bool worked : 1;                /* a command was no set-up: what follows is no prelude */
	bool no_sequel : 1;             /* session->no_sequel, until it is seen to */
	uint8_t how, why;               /* enum vn_end, enum close_reason: of its doom */
	uint8_t ending;                 /* enum vn_end: an end by the clock, once what is due has been sent */
	uint8_t turn_kind;              /* enum turn_kind */
	uint8_t state[] __attribute__((aligned(16)));   /* the protocol's */
};

/* ---- a shard: one proxy in one worker ---- */

struct shard {
	struct worker *worker;
	struct shard *next, **link;     /* in this worker */
	unsigned number;                /* the proxy's: the same in every worker, never given twice */
	struct shard **siblings;        /* of the same proxy in each worker, by that worker's index */
	struct plan *plan;              /* NULL: not started, or stopped */
	struct conn *conns;
	struct stats stats;             /* read by others */
	struct listener *listener;      /* in worker 0; else NULL */
	struct vn_dice junk;            /* for bytes that nobody sent */
	_Atomic bool deaf;              /* worker 0: it should listen and cannot; read by others */
	bool noticed;                   /* the protocol's notice is in the log */
};

/* ---- a worker: a thread. Workers share nothing but specs ---- */

struct worker {
	struct loop loop;
	pthread_t thread;
	unsigned index, count;
	struct worker *all;             /* `count` of them, this one among them */
	struct shard *shards;
	struct connector connector;
	uint64_t seed;
	int spare;                      /* a socket for the next client's backend, whichever proxy's; -1: not yet */
	bool stopping;                  /* no connection is taken any more */
	uint8_t *buffer;                /* UNPARSED_MAX bytes of room in front of `bufsize` */
	size_t bufsize;
	size_t bulk;                    /* a read of so much may be the beginning of a flood; 0: none is */
	bool reno;                      /* see congestion.h */
	struct splice_pipes splice_pipes;
	_Atomic size_t held;            /* bytes that wait in queues, with what their parcels cost; read by others */
	size_t hold_total;              /* where reading stops for it */
	struct vn_session session;      /* for one call of a protocol ... */
	struct vn_buffer scratch;
	struct vn_text_cache texts;     /* ... of a connection that has none yet */
	struct work_pool work_pool;
	struct pool exchanges;
	struct drains drains;
};

/* ---- for code below a connection: it never tears one down ---- */

void conn_later(struct conn *);         /* conn_run at the end of this round of the loop */

/* Mark the connection: from now on nothing of it moves, and conn_run (of this call, or at the end of this
 * round) tears it down. The first mark stands. */
void conn_doom(struct conn *, enum vn_end how, enum close_reason);
void conn_doom_by_rule(struct conn *, enum vn_end how);

struct conn_rules *conn_rules_get(struct conn *);       /* to be written to: made where it has none */
void conn_rules_release(struct conn *);                 /* given up where nothing needs it any more */
extern const struct conn_rules no_rules;                /* of all that have none */

/* ---- accessors ---- */

static inline struct side *pipe_from(const struct pipe *p)
{
	return p->direction == VN_REQUEST ? &p->conn->client : &p->conn->backend;
}

static inline struct side *pipe_to(const struct pipe *p)
{
	return p->direction == VN_REQUEST ? &p->conn->backend : &p->conn->client;
}

static inline struct worker *worker_of(const struct pipe *p)
{
	return p->conn->shard->worker;
}

static inline struct loop *conn_loop(struct conn *c)
{
	return &c->shard->worker->loop;
}

static inline const struct spec *shard_spec(const struct shard *s)
{
	return s->plan->spec;
}

static inline const struct vn_protocol *conn_protocol(const struct conn *c)
{
	return shard_spec(c->shard)->protocol;
}

/* So much more of this proxy is held in this thread, or less (n < 0). */
static inline void shard_held_add(struct shard *s, ptrdiff_t n)
{
	_Atomic size_t *all = &s->worker->held;

	atomic_store_explicit(all, atomic_load_explicit(all, memory_order_relaxed) + (size_t)n, memory_order_relaxed);
	count_add(&s->stats.held, (uint64_t)n);
}

/* ---- a connection's session, for one call of its protocol ---- */

struct vn_session *session_begin(struct conn *);
void session_forget(struct conn *);     /* what it is made of has changed */
void session_texts_change(struct conn *);       /* the first text has come, or the last gone */

/* The worker's, made this connection's ... */
static inline struct vn_session *conn_session(struct conn *c)
{
	struct worker *w = c->shard->worker;

	buffer_clear(&w->scratch);
	if (w->session.state != c->state)       /* mostly it is, with messages that come together */
		return session_begin(c);
	w->session.close = w->session.no_sequel = false;
	return &w->session;
}

/* ... and after the call. */
static inline void conn_session_end(struct conn *c)
{
	struct worker *w = c->shard->worker;

	c->idle = w->session.idle;
	if (w->session.no_sequel)
		c->no_sequel = true;
	if (c->texts ? !c->texts->used : w->texts.used)
		session_texts_change(c);
}

#endif
