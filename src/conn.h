/* conn.h - a client and a backend, the two pipes between them and the exchanges under way. */
#ifndef CONN_H
#define CONN_H

#include "dial.h"
#include "out.h"
#include "pipe.h"
#include "shelf.h"

struct proxy;

struct side {                           /* one socket */
	struct watch watch;
	struct conn *conn;
	bool open;                      /* connected */
	bool readable, writable;        /* as far as is known */
	bool hup;                       /* the peer has said it is done: a read may not stop short of its end */
	bool broken;                    /* reset by the peer */
};

struct conn {
	struct proxy *proxy;
	struct conn *next, **link;      /* among the proxy's */
	uint64_t number;                /* in the order of acceptance, from 1 */
	struct side client, backend;
	struct pipe request, response;
	struct exchanges exchanges;
	uint64_t asked, pushed;         /* numbers given out */
	struct plan *plan;              /* to whose rules all stands refer */
	struct stand whole;
	struct rule_state **states;     /* one per rule of the plan */
	struct talk talk;
	struct shelf texts;
	struct dial *dial;              /* to the backend, under way */
	int spare;                      /* a descriptor for it, reserved at accept; -1: used */
	struct timer end_timer;         /* an end by the clock ... */
	enum end end; uint64_t end_rule;        /* ... which, and whose */
	struct timer patience;          /* for what comes first of: */
	nsec gone_since;                /* a side left while a rule holds the rest; 0: none did */
	nsec waits;                     /* the dial waits until then; 0: it does not */
	struct lot *opening;            /* ... and why */
	struct timer rest_timer;        /* rest that must last before it is struck */
	const struct failure *rest_failure; uint64_t rest_rule; enum end rest_end;
	nsec active;                    /* when bytes last came */
	struct mail later;              /* its turn at the end of the round, or its last */
	bool queued;                    /* ... is posted */
	bool again;                     /* something may move that did not */
	bool running, dead;
	bool raw_counted, logged_in, spoke, resting;
	uint8_t state[] __attribute__((aligned(16)));   /* the protocol's */
};

void conn_open(struct proxy *, int fd, int spare, uint64_t number);     /* a client was accepted; `spare` is for its backend */
void conn_change(struct conn *, struct plan *);                 /* other rules from now on */
void conn_run(struct conn *);                                   /* both pipes go as far as they go */
void conn_later(struct conn *);                                 /* conn_run at the end of this round */
void conn_end(struct conn *, enum end, const char *why);        /* CLOSE, RESET: now */
void conn_close(struct conn *, const char *why);                /* no more to say to either side; may be called twice */

/* For the pipes. */
void conn_begin_request(struct conn *, struct message *, struct span piece);
void conn_begin_response(struct conn *, struct message *, struct span piece);
void conn_done_request(struct conn *);
void conn_done_response(struct conn *);
bool conn_settles(const struct conn *);         /* the oldest exchange waits for nothing but us */
void conn_settle(struct conn *);                /* ... so word it, end it, forget it */
void conn_turn(struct conn *, enum direction, struct span piece);       /* a piece of a stream without messages */
void conn_raw(struct conn *, struct pipe *, const char *why);
bool conn_judge(struct conn *, struct question *, struct judgement *);  /* fills in what all its questions share */
void conn_ends(struct conn *, const struct judgement *, enum end *in_turn);     /* an end by the clock is set, a stall done; else *in_turn */

#endif
