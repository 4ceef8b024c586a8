/* engine.h - structs of the engine: worker, shard, connection, side, pipe.
 *
 *   worker -> shards -> connections     a thread; one proxy in this thread; its live connections
 *
 *             client <- response pipe <- backend
 *   connection: side                       side
 *             client -> request pipe  -> backend
 *
 * They are in one header because each names the others. The functions are in the headers of their
 * own files. Here are only accessors, and the functions that code below a connection needs. All of
 * it belongs to one worker's thread, except members marked "any thread". */
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

struct birth;
struct conn;
struct datagrams;
struct flow;
struct handshake;
struct hello_fault;
struct inbox;
struct listener;
struct recent;
struct shard;
struct tls_link;
struct tls_wire;
struct worker;

/* ---- a pipe: one direction of a connection ----
 *
 *   from -> [ unparsed ] -> message under way -> [ queue ] -> [ splice pipe ] -> to
 *
 * Calm bytes with nothing before them go from the worker's buffer straight to `to`; only bytes that
 * wait are copied. Calm bulk does not even enter the buffer: it goes through a splice pipe. */

enum { UNPARSED_MAX = 65536 };          /* bytes of an incomplete head; with more, it goes raw */

/* The message under way. */
struct current {
	bool open;
	uint64_t body;                  /* bytes of its last cut that are still to come */
	bool last;                      /* it is complete after them */
	enum vn_role role;
	/* its bytes go nowhere: dropped, refused, or a substitute's answer */
	bool gone;
	uint64_t keep;                  /* so many more pass; UINT64_MAX: all */
	struct vn_dirt dirt;            /* for its first piece */
	enum vn_end end;                /* the connection's, behind this message */
	/* why the connection is raw behind this message; NULL: it is not */
	const char *raw;
	struct holds *holds;
	struct exchange *exchange;      /* that it opened, if a rule is in; or that it answers */
};

/* What a pipe needs while it is active. From the worker's pool. */
struct pipe_work {
	struct pipe *pipe;
	struct queue queue;
	struct current now, sequel;     /* `sequel` is under way after `now` */
	uint8_t *run; size_t run_n;     /* calm bytes in the worker's buffer, to be sent together */
	uint8_t *unparsed;              /* UNPARSED_MAX bytes or more; NULL: none */
	size_t unparsed_n;
	struct splice_pipe *splice_pipe;        /* its bytes go before the queue; NULL: none */
	vn_nsec line_free;              /* pace: when the line is free again */
	size_t slot; vn_nsec slot_end;  /* pace: bytes of the slot, when they have passed */
	bool behind;                    /* bytes wait in the socket `from` for this pipe */
	bool halted, resumes;           /* the cut depends on an answer; the answer has come */
	struct timer timer;             /* for the queue's first parcel */
};

/* The rest of it. Most pipes are calm most of the time, and need no more. */
struct pipe {
	struct conn *conn;
	struct pipe_work *work;         /* its own, or the constant one of all calm pipes */
	uint64_t came, offset, sent;    /* bytes read, judged and sent since the start */
	uint8_t direction;              /* enum vn_direction */
	uint8_t bulk;                   /* big reads in succession, then splices */
	bool eof;                       /* `from` has ended its stream */
	bool shut;                      /* the end was passed on to `to` */
	bool raw;                       /* no messages are cut (any more) */
	bool ended;                     /* nothing more is read: an end waits for its turn */
	bool shakes;                    /* its cut goes on when a handshake is done */
};

/* Unused ones of a worker. */
struct work_pool { struct pipe_work *spare; unsigned spares; };

/* ---- a connection ---- */

/* One socket. Its flags are what is known of it. */
struct side {
	struct watch watch;
	bool open;                      /* connected */
	bool readable, writable;        /* as far as is known */
	bool hup;                       /* the peer has ended: reads go on to the end */
	bool broken;                    /* reset by the peer */
	bool unpaced;                   /* its congestion control has been chosen */
	bool cut;                       /* TLS: its stream has ended without close_notify */
	bool curt;                      /* TLS: it gets no close_notify */
	uint32_t stuck;                 /* TLS: wire bytes that wait for room: side_stuck() */
	struct tls_link *tls;           /* NULL: plain, or not yet */
};

/* What rules and time-outs need of a connection. Most connections need none of it. */
struct conn_rules {
	struct conn *conn;
	struct rule_flags whole;
	ruleset meant;                  /* the rules that apply to this client */
	/* whom a header names as the client; NULL: nobody, or it does not matter */
	struct endpoint *named;
	struct rule_state **states;     /* one per rule of the plan */
	struct timer end_timer;         /* for the earliest end by the clock in `states` */
	struct timer rest_timer;        /* until a rule strikes the rest */
	ruleset rest_in; uint64_t rest_rule;    /* rules that are in for it; whose `after` it is */
	uint64_t stalled;               /* nothing is read while this rule (id) is there; 0: none */
	/* nor until then, by a protocol's wish while rule `muted_by` is there; 0: it is */
	vn_nsec muted; uint64_t muted_by;
	struct timer mute_timer;
	uint64_t vanished;              /* nor is the client answered, while this one is there */
	struct timer wait_timer;        /* see conn_timer_arm() */
	vn_nsec gone_since;             /* since then the client is gone and its bytes held; or 0 */
	bool probed;                    /* the client's kernel is probed: see client_probe() */
	vn_nsec waits;                  /* the connect is delayed until then; 0: it is not */
	vn_nsec unread;                 /* stalled: the client has sent more since then; 0: no */
	struct holds *opening;          /* the holds that delay it */
	/* what they do to the client's TLS: conn_hello.h; NULL: nothing */
	struct hello_fault *upgrade, *hello;
};

struct conn {
	struct shard *shard;
	struct conn *next, **link;      /* in the shard's list */
	uint64_t number;                /* in the order of acceptance, from 1 */
	struct side client, backend;
	struct pipe request, response;
	struct exchanges exchanges;
	uint64_t asked, pushed;         /* numbers given to exchanges */
	struct plan *plan;              /* a reference; all flags refer to its rules */
	struct conn_rules *ruled;       /* its own, or the constant no_rules */
	struct turn turn;               /* the open exchange, without messages and rules */
	struct vn_text_cache *texts;    /* of prepared statements; NULL: none */
	struct connect_attempt *attempt;        /* to the backend; NULL: none */
	struct handshake *shake;        /* of a leg that is about to begin TLS; NULL: none */
	struct birth *born;             /* with its sockets: birth.h; NULL: it was accepted here */
	unsigned idle;                  /* session->idle */
	int spare;                      /* a socket for the backend, from accept; -1: used */
	vn_nsec since;                  /* when it was accepted */
	vn_nsec active;                 /* when bytes last came */
	struct mail later;              /* for conn_later(), and to free it */
	struct trace *hearing;          /* of the request under way; NULL: none */
	bool queued : 1;                /* `later` is posted */
	bool again : 1;                 /* something may move that did not before */
	bool running : 1;               /* conn_run() is on the stack */
	bool dead : 1;                  /* doomed: conn_run() tears it down */
	bool gone : 1;                  /* torn down: only its memory is left */
	bool connect_due : 1;           /* the time to connect to the backend has come */
	bool raw_counted : 1, logged_in : 1, spoke : 1, resting : 1;
	bool request_dropped : 1;       /* the latest: what goes on with it is dropped too */
	bool unaccepted : 1;            /* a rule refused it at accept */
	bool turned_away : 1;           /* by the protocol itself, as TLS is missing or misused */
	bool bound : 1;                 /* both legs are in TLS, with the same certificate */
	bool begun : 1;                 /* how the client's stream begins is known ... */
	/* what the client sent first is kept back, for a short time: unsure_over() */
	bool unsure : 1;
	bool worked : 1;                /* a command was no set-up: what follows is no prelude */
	bool no_sequel : 1;             /* session->no_sequel, until it is seen to */
	bool left : 1;                  /* that the client has given up is told */
	bool turn_waits : 1;            /* counted in STAT_TURNS */
	bool tls_known : 1;             /* rules know whether the client uses TLS */
	bool no_tls : 1;                /* it uses none and must: told */
	uint8_t how, why;               /* enum vn_end, enum close_reason: of its doom */
	/* enum vn_end: an end by the clock, once what is due has been sent */
	uint8_t ending;
	uint8_t turn_kind;              /* enum turn_kind */
	uint8_t tls : 4, secure : 4;    /* session->tls, session->secure */
	uint8_t state[] __attribute__((aligned(16)));   /* the protocol's */
};

/* ---- a shard: one proxy in one worker ---- */

enum { NOTICES = 8 };                   /* of a protocol, that the log gets */

struct shard {
	struct worker *worker;
	struct shard *next, **link;     /* in this worker's list */
	unsigned number;                /* the proxy's: the same in every worker, never reused */
	struct shard **siblings;        /* of the same proxy, by the worker's index */
	struct plan *plan;              /* NULL: not started, or stopped */
	struct conn *conns;             /* the newest first */
	struct stats stats;             /* any thread reads */
	struct listener *listener;      /* in worker 0; else NULL */
	struct datagrams *datagrams;    /* in worker 0, on udp://; else NULL */
	struct flow *flows;             /* their sessions, the newest first */
	struct vn_dice junk;            /* for bytes of our own */
	struct recent *recent;          /* a record of its requests; NULL: nobody looks */
	_Atomic bool deaf;              /* worker 0: it cannot listen again; any thread reads */
	_Atomic bool refuses;           /* worker 0: a rule refuses clients; any thread reads */
	bool hinted;                    /* the log says how clients get the CA ... */
	bool told_plain;                /* ... and that one without TLS was rejected */
	const char *noticed[NOTICES];   /* the protocol's notices that are in the log */
	/* worker 0: numbers of the proxies of which its server last told its clients, and whose
	 * server told of this one; any thread */
	_Atomic unsigned tells_of, told_by;
};

/* ---- a worker: a thread. Workers share nothing but specs ---- */

/* From the addresses by which servers call themselves to the proxies before them: see
 * address_map.h. */
struct address_map {
	/* of every session */
	enum vn_mapped (*find)(struct vn_session *, struct vn_span host, unsigned port,
	                       struct vn_place *other);
	enum vn_mapped (*elsewhere)(struct vn_session *, struct vn_place *other);
	bool made;                      /* else a shard has come, gone or changed */
	size_t n;
	struct map_entry *entries;      /* sorted by key */
	char host[ADDRESS_KEY_MAX];     /* of the last answer */
	struct unmapped *unmapped;      /* of all workers, with a lock; NULL: none is noted */
};

struct worker {
	struct loop loop;
	pthread_t thread;
	unsigned index, count;
	struct worker *all;             /* `count` of them, this one included */
	struct shard *shards;
	struct connector connector;
	uint64_t seed;
	int spare;                      /* a socket for the next client's backend; -1: none */
	bool stopping;                  /* no connection is accepted any more */
	uint8_t *buffer;                /* UNPARSED_MAX bytes of room, `bufsize`, TLS_SLACK */
	size_t bufsize;
	size_t bulk;                    /* bytes of a big read, see splice_note(); 0: no splicing */
	bool reno;                      /* see congestion.h */
	struct splice_pipes splice_pipes;
	_Atomic size_t held;            /* bytes in queues, with PARCEL_COST; any thread reads */
	size_t hold_total;              /* reading stops when so much is held */
	vn_nsec turn;                   /* how long a connection runs: see turn_goes_on() */
	vn_nsec turn_ends;              /* 0: it has begun; -1: it is over */
	struct tls_wire *wire;          /* of all TLS in this thread */
	struct vn_buffer gather;        /* parcels that are written together through TLS */
	vn_nsec tls_timeout;            /* of a handshake; 0: none */
	struct vn_session session;      /* for one call of a protocol */
	char alpn[64];                  /* the session's */
	struct vn_report report;        /* the same, while somebody reads events */
	struct vn_buffer scratch;       /* the same */
	struct vn_text_cache texts;     /* for a connection that has none yet */
	struct address_map address_map;
	struct work_pool work_pool;
	struct pool exchanges;
	struct drains drains;
	struct inbox *inbox;            /* for datagrams; NULL: none has come */
};

/* ---- for code below a connection: it never tears one down ---- */

/* Runs the connection at the end of this round of the loop. */
void conn_later(struct conn *);

/* Whether the connection that runs may read or send once more, before the others get their turn. It
 * is for the second time and all further ones: only then does a turn need the clock. */
bool turn_goes_on(struct worker *);

/* Marks the connection: nothing of it moves from now on. conn_run() tears it down, in this call or
 * at the end of this round. Later marks have no effect. */
void conn_doom(struct conn *, enum vn_end how, enum close_reason);
void conn_doom_by_rule(struct conn *, enum vn_end how);

/* The connection's `ruled`, for writing: made if it has none. */
struct conn_rules *conn_rules_get(struct conn *);

/* Frees it if it is not needed. */
void conn_rules_release(struct conn *);
extern const struct conn_rules no_rules;        /* of connections that need none */

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

/* Counts n more held bytes of this proxy in this thread, or less (n < 0). */
static inline void shard_held_add(struct shard *s, ptrdiff_t n)
{
	_Atomic size_t *all = &s->worker->held;

	atomic_store_explicit(all, atomic_load_explicit(all, memory_order_relaxed) + (size_t)n,
	                      memory_order_relaxed);
	count_add(&s->stats.held, (uint64_t)n);
}

/* ---- a connection's session, for one call of its protocol ---- */

struct vn_session *session_begin(struct conn *);

/* The session must be filled in anew: the connection's plan has changed, or it ends. */
void session_forget(struct conn *);

/* The connection's first text has come, or its last has gone. */
void session_texts_change(struct conn *);

/* The worker's session, filled in for this connection. It must be ended after the call. */
static inline struct vn_session *conn_session(struct conn *c)
{
	struct worker *w = c->shard->worker;

	buffer_clear(&w->scratch);
	if (w->session.state != c->state)       /* else still filled in by the last message */
		return session_begin(c);
	w->session.close = w->session.no_sequel = false;
	return &w->session;
}

/* Logs what the protocol has to say to the user, once per proxy and thread. */
void shard_notice(struct shard *);

/* Takes over what the protocol has set in the session. */
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
