/* record.h - all that an audit has seen: probes' samples, and what the proxies reported.
 *
 * The auditor appends as things happen; measure.c and judge.c read. Nothing is removed before
 * record_free(). One thread. All times are seconds since the run's start, on the auditor's
 * monotonic clock; a negative time means "not (yet)". Indices of proxies and probes are those that
 * record_add_proxy() and record_add_probe() returned, from 0. */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- samples ---- */

enum outcome {                          /* in this order, `<= slow` is: it works */
	OUTCOME_OK, OUTCOME_SLOW, OUTCOME_ERROR, OUTCOME_TIMEOUT, OUTCOME_DOWN,
	OUTCOME_SKIPPED,                /* not asked: 16 of the probe were under way */
	OUTCOMES
};

extern const char *const outcome_names[OUTCOMES];      /* "ok", "slow" ... */

struct sample {
	double begun;
	float took;                     /* seconds */
	uint16_t probe;
	uint16_t answer;                /* see sample_answer() */
	uint8_t outcome;                /* enum outcome */
	bool alone;                     /* no other sample was under way during it */
};

/* ---- what a proxy reported ---- */

enum kind {                             /* what a request does, as bits */
	KIND_READS = 1, KIND_WRITES = 2, KIND_BEGINS = 4, KIND_COMMITS = 8, KIND_LOGINS = 16,
	KIND_COMMANDS = 32, KIND_ROLLBACKS = 64,
	KINDS = 7
};

extern const char *const kind_names[KINDS];

struct seen_connection {
	uint64_t number;
	double opened, closed;          /* closed < 0: it is open */
	bool unnoticed;                 /* the proxy closed it with FIN, and the client did not
	                                 * close within 1 s */
	double used;                    /* when its last known request was made; < 0: none */
	double looked;                  /* when record_connections() last saw it */
	double stuck_since;             /* it has waited for an answer since then, at that look;
	                                 * < 0: it did not */
	char stuck_verb[16];
};

enum answerer { BY_NOBODY, BY_BACKEND, BY_RULE };

struct seen_exchange {
	uint64_t connection, exchange, shape, digest;
	double asked, answered;         /* answered < 0: no answer */
	char verb[16], error[12];       /* error: the server's own code; "": none */
	uint8_t kinds;                  /* enum kind */
	uint8_t by;                     /* enum answerer */
	bool struck;                    /* by a rule of the audit */
	bool lost_reply;                /* the backend has done it, and a rule took its answer */
	bool in_transaction;
	double ended;                   /* answered, or its connection ended */
};

struct seen_gave_up {                   /* a client gave up while an answer was owed */
	uint64_t connection, exchange;  /* exchange 0: while it connected */
	double time, waited;
	char how[12];                   /* "closed", "reset", "cancelled" */
	bool ruled;                     /* a rule kept the answer from it */
};

struct seen_fault {                     /* a rule of the audit has hit */
	double time;
	uint64_t connection, exchange;
	char behavior[20];
	bool unreachable;               /* it should have hit, and could not */
	bool silences;                  /* vanish, stall: the connection is silent from now on */
};

struct look {                           /* a proxy's figures in one reply to GET /info */
	double time;
	uint64_t opened, exchanges;     /* so far */
	unsigned connections, waiting;  /* now; waiting: requests without an answer */
};

#define ROWS(type) struct { type *at; size_t n, room; }

enum { WAITING_VERBS = 8 };

struct seen_proxy {
	char *name, *protocol, *listen, *backend;
	bool injected;                  /* faults go into it; else it is only watched */
	ROWS(struct seen_connection) connections;       /* by number */
	ROWS(struct seen_exchange) exchanges;           /* as they ended */
	ROWS(struct seen_gave_up) gave_up;
	ROWS(struct seen_fault) faults;
	ROWS(struct look) looks;
	char waiting_verbs[WAITING_VERBS][16];  /* of requests that waited long without a fault */
};

/* ---- what is asked ---- */

enum need { NEED_NO, NEED_YES, NEED_UNKNOWN };  /* does a probe's answer need this proxy? */

struct probe_need {
	enum need need;                 /* unknown counts as yes */
	double kinds[KINDS];            /* requests of each kind in one sample */
};

struct seen_probe {
	char *name, *what;              /* what: "GET http://localhost:5000/", "sh: ./send.sh" */
	bool command;                   /* of a shell */
	double every, within, timeout;
	char *expect;                   /* "any", "works", "works:db,cache" */
	bool asks_given;                /* by the word asks */
	struct probe_need *needs;       /* one of each proxy */
};

/* ---- experiments ---- */

enum experiment_state { STATE_NOT_RUN, STATE_DONE, STATE_BROKEN_OFF, STATE_LEFT_OUT };

enum why_not {                          /* why an experiment has no result, or no whole one */
	WHY_NONE, WHY_NO_TRAFFIC, WHY_NOT_STEADY, WHY_CONDITION, WHY_CHANGED_BY_OTHERS,
	WHY_INTERRUPTED, WHY_NOT_RUN, WHY_INCOMPLETE
};

struct expect_record {
	char *text;                     /* as written: "always probe.front = ok" */
	int held;                       /* 1, 0; -1: it was not looked at */
	char *why;                      /* what was seen instead: "error at 12.4 s"; NULL */
};

struct phase_record {
	char *name;
	bool fault;                     /* it has a rule, or does something to connections */
	double begun, ended;            /* < 0: it did not; ended: its faults were off */
	ROWS(char *) rules;             /* words, as they were put */
	ROWS(char *) does;              /* "reset", "backend HOST:PORT", "run" */
	ROWS(struct expect_record) expectations;
};

struct experiment {
	unsigned proxy;
	char *outage, *question;
	char *summary;                  /* "db shuts down, refuses, starts"; NULL */
	enum experiment_state state;
	bool reconnect;                 /* cure: only connections open at t_on are ill */
	double recover_within;          /* 0: the run's */
	enum why_not why_not;
	char *why;                      /* a sentence on why_not, or why left out; NULL */
	double begun;                   /* when settling began */
	double t_on, t_off;             /* confirmed by the API; t_off: the last fault ended */
	double end;                     /* of the aftermath, or of --give-up */
	uint64_t hits, unreachable;     /* of its rules, from GET /rules: exact */
	ROWS(unsigned) aimed;           /* proxies that its phases act on, besides `proxy` */
	bool of_port;                   /* a rule closed a port: nobody can count what that hits */
	char *missed;                   /* the nearest miss, masked; NULL */
	bool exited;                    /* COMMAND ended in it */
	double exited_at;
	char *exit_text;                /* "exit code 3", "signal 11" */
	bool needed_restart;
	ROWS(struct phase_record) phases;
};

struct record_limits {                  /* the run's options, in seconds */
	double recover_within, give_up, aftermath;
};

struct record {
	struct record_limits limits;
	double baseline_begun, baseline_ended;
	ROWS(struct seen_proxy) proxies;
	ROWS(struct seen_probe) probes;
	ROWS(struct sample) samples;    /* as they ended */
	ROWS(struct experiment *) experiments;
	ROWS(char *) answers;           /* each text once */
	double offset;                  /* wall clock of the proxy less our time */
	double uncertainty;             /* how far that may be off, seconds */
	ROWS(double) losses;            /* when events were lost, of any proxy */
	uint64_t lost;                  /* how many */
};

void record_init(struct record *);
void record_free(struct record *);

/* These copy their texts. */
unsigned record_add_proxy(struct record *, const char *name, const char *protocol,
                          const char *listen, const char *backend);
unsigned record_add_probe(struct record *, const char *name, const char *what, bool command);
int record_find_proxy(const struct record *, const char *name);         /* -1: there is none */
int record_find_probe(const struct record *, const char *name);

/* The text of an answer has no value of a body or header: "200", "exit 3", "refused". */
void record_sample(struct record *, unsigned probe, double begun, double ended, enum outcome,
                   bool alone, const char *answer);
const char *sample_answer(const struct record *, const struct sample *);

/* One event of GET /events; `record.offset` converts its times. Foreign events are ignored. */
void record_event(struct record *, const json_t *event);

/* The reply to GET /proxies/NAME/connections: connections that are there already, and requests that
 * are stuck, which are seen only here. To be called when the run begins, when the baseline ends,
 * and when an experiment ends, before its ill connections are reset. */
void record_connections(struct record *, unsigned proxy, const json_t *reply, double now);

/* NULL: it is not known. */
struct seen_connection *record_connection(const struct seen_proxy *, uint64_t number);

/* Did requests of this verb wait for long before there was a fault (BLPOP, a subscription)? */
bool record_waits_always(const struct seen_proxy *, const char *verb);

/* A reply came at `now` to what was asked at `asked`, with the proxy's time: where the offset
 * contradicts that, the proxy's clock was set, and the offset follows. */
void record_clock(struct record *, double proxy_time, double asked, double now);

/* A proxy's part of a reply to GET /info, about ten times a second. */
void record_look(struct record *, unsigned proxy, double now, const json_t *proxy_info);

/* The record owns it, and frees its texts, which are to be allocated. All its times are -1 and its
 * texts but two NULL at first, its state is STATE_NOT_RUN. Append all of the plan, in its order. */
struct experiment *record_experiment(struct record *, unsigned proxy, const char *outage,
                                     const char *question);

/* Valid until the next phase is added. */
struct phase_record *experiment_phase(struct experiment *, const char *name, bool fault);

/* Appends a zeroed element and returns its address. */
#define ROWS_ADD(rows) (rows_grow((void **)&(rows)->at, &(rows)->n, &(rows)->room, \
                                  sizeof *(rows)->at), &(rows)->at[(rows)->n - 1])
void rows_grow(void **at, size_t *n, size_t *room, size_t size);

#endif
