/* conn.h - a client and a backend, the two pipes between them and the exchanges under way. */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

#include "net/connect.h"
#include "base/buffer.h"
#include "engine/pipe.h"
#include "base/text_cache.h"
#include "engine/worker.h"

struct side {                           /* one socket */
	struct watch watch;
	bool open;                      /* connected */
	bool readable, writable;        /* as far as is known */
	bool hup;                       /* the peer has said it is done: a read may not stop short of its end */
	bool broken;                    /* reset by the peer */
	bool unpaced;                   /* it has been seen to that bulk goes to it as fast as it can */
};

struct conn_rules {                           /* what rules and times have to do with a connection: most have nothing */
	struct conn *conn;
	struct rule_flags whole;
	ruleset meant;                  /* the rules that mean this client */
	struct rule_state **states;     /* one per rule of the plan */
	struct timer end_timer;         /* for the soonest end by the clock in `states` */
	struct timer rest_timer;        /* rest that must last before it is struck */
	ruleset rest_in; uint64_t rest_rule;    /* the rules that are in for it; whose `after` the timer is */
	uint64_t stalled;               /* nothing is read while the rule of this id is there; 0: none */
	uint64_t vanished;              /* ... and the client gets no answer */
	struct timer wait_timer;          /* for what comes first of: */
	vn_nsec gone_since;                /* a side left while a rule holds the rest; 0: none did */
	bool probed;                    /* the client may have left, while a rule holds the rest for long: its kernel is asked */
	vn_nsec waits;                     /* the dial waits until then; 0: it does not */
	struct holds *opening;            /* ... and why */
};

struct conn {
	struct shard *shard;
	struct conn *next, **link;      /* among the proxy's */
	uint64_t number;                /* in the order of acceptance, from 1 */
	struct side client, backend;
	struct pipe request, response;
	struct exchanges exchanges;
	uint64_t asked, pushed;         /* numbers given out */
	struct plan *plan;              /* to whose rules all stands refer */
	struct conn_rules *ruled;              /* its own, or that of all that have none, which nobody may write to: see conn_rules_get */
	struct turn turn;               /* without messages and rules, the exchange that is open */
	struct vn_text_cache *texts;            /* of prepared statements; NULL: none */
	struct connect_attempt *attempt;              /* to the backend, under way */
	int spare;                      /* a descriptor for it, reserved at accept; -1: used */
	unsigned idle;                  /* talk.idle */
	vn_nsec since;                     /* it was accepted */
	vn_nsec active;                    /* when bytes last came */
	struct mail later;              /* its turn at the end of the round, or its last */
	bool queued : 1;                /* ... is posted */
	bool again : 1;                 /* something may move that did not */
	bool running : 1, dead : 1;
	bool raw_counted : 1, logged_in : 1, spoke : 1, resting : 1;
	bool no_sequel : 1;             /* talk.no_sequel, until it is seen to */
	uint8_t turn_kind;              /* enum turn_kind */
	uint8_t state[] __attribute__((aligned(16)));   /* the protocol's */
};

void conn_open(struct shard *, int fd, int spare, uint64_t number);     /* a client was accepted; `spare` is for its backend */
void conn_run(struct conn *);                                   /* both pipes go as far as they go */
void conn_later(struct conn *);                                 /* conn_run at the end of this round */
void conn_schedule(struct conn *);       /* the dial: now, or when the rules that make it wait let it */
void conn_connect(struct conn *);
void conn_end(struct conn *, enum vn_end, enum close_reason);       /* VN_CLOSE, VN_RESET: the one way to die; may be called twice */
void conn_end_by_rule(struct conn *, enum vn_end);          /* the same, where it is a rule that says so */

const char *side_peer(const struct side *, char *buffer, size_t size); /* its address; "gone": it has none any more */

struct conn_rules *conn_rules_get(struct conn *);   /* to be written to */
void conn_rules_release(struct conn *);         /* there may be no need of them any more */
struct vn_session *talk_begin(struct conn *); /* see conn_talk */
void texts_change(struct conn *);       /* its first text has come, or its last gone */
void conn_silent(struct conn *);        /* what it is made of has changed */

static inline struct side *pipe_from(const struct pipe *p)
{
	return p->direction == VN_REQUEST ? &p->conn->client : &p->conn->backend;
}

static inline struct side *pipe_to(const struct pipe *p)
{
	return p->direction == VN_REQUEST ? &p->conn->backend : &p->conn->client;
}

static inline struct loop *conn_loop(struct conn *c)
{
	return &c->shard->worker->loop;
}

/* The worker's, made this connection's for one call of the protocol ... */
static inline struct vn_session *conn_talk(struct conn *c)
{
	struct worker *w = c->shard->worker;

	buffer_clear(&w->scratch);
	if (w->talk.state != c->state)          /* mostly it is, with messages that come together */
		return talk_begin(c);
	w->talk.close = w->talk.no_sequel = false;
	return &w->talk;
}

/* ... after which this is called. */
static inline void conn_heard(struct conn *c)
{
	struct worker *w = c->shard->worker;

	c->idle = w->talk.idle;
	if (w->talk.no_sequel)
		c->no_sequel = true;
	if (c->texts ? !c->texts->used : w->texts.used)
		texts_change(c);
}

static inline const struct vn_protocol *conn_protocol(const struct conn *c)
{
	return shard_spec(c->shard)->protocol;
}

#endif
