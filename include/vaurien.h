/* vaurien.h - what a protocol or a behavior sees of Vaurien, and all that it sees.
 *
 * A protocol says where a message starts and ends, what it asks, and how "no" is said in its
 * language. A behavior says how a message fares: it is a pure function that returns a verdict.
 * Neither ever meets a socket, a timer or a lock; the core carries verdicts out.
 *
 * The core owns all memory: state arrives zeroed, nobody here calls malloc. What a guest returns
 * is clamped, never trusted. Times are nanoseconds, sizes bytes. */
#ifndef VAURIEN_H
#define VAURIEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VAURIEN_ABI 1                   /* of this header */
#define VAURIEN_VERSION "3.0.0"         /* of the program */

typedef int64_t nsec;

#define NSEC_US ((nsec)1000)
#define NSEC_MS ((nsec)1000000)
#define NSEC_S  ((nsec)1000000000)
#define NEVER   INT64_MAX               /* a hold until the rule goes */
#define ALL     SIZE_MAX                /* a `keep` that keeps everything */

struct span { const uint8_t *p; size_t n; };    /* bytes on loan, for the length of one call */
struct out;                                     /* bytes in the making; the core's */
struct shelf;                                   /* bounded memory for texts; the core's */

void out_put(struct out *, const void *bytes, size_t n);
void out_byte(struct out *, uint8_t);
struct span out_span(const struct out *);       /* what was put so far, until the next put */

/* ---- options: one row each, from which flags, INI keys, HTTP checks and docs are made ---- */

enum opt_type {
	OPT_BOOL,       /* bool */
	OPT_INT,        /* int64_t */
	OPT_REAL,       /* double */
	OPT_TIME,       /* nsec; a bare number counts in `unit`, "250ms" "2s" "1h" say their own */
	OPT_TEXT,       /* const char *, NULL when not given */
	OPT_CHOICE,     /* const char *, one of `choices` */
	OPT_FAILURE,    /* const char *, the name of a failure of the proxy's protocol; NULL: none named */
	OPT_TABLE,      /* struct table, as "50:10ms,90:40ms,99:1s"; bare times count in `unit` */
	OPT_INERT,      /* int64_t; accepted for the sake of older command lines, changes nothing */
};

enum opt_rule { OPT_OWN, OPT_SKIP, OPT_TIMES }; /* is the option's value the behavior's own, or a field of its rule? */

struct opt {
	const char *name;               /* snake_case; "-" for "_" in flags */
	enum opt_type type;
	size_t offset;                  /* of the field in the options struct; unused by OPT_SKIP, OPT_TIMES */
	const char *def;                /* the default, as a user would type it; NULL: false, 0, "" or none */
	const char *help;               /* one sentence, no full stop */
	nsec unit;                      /* OPT_TIME, OPT_TABLE: what a bare number means */
	double min, max;                /* OPT_INT, OPT_REAL, OPT_TIME (in units); both 0: no bound but >= 0 */
	const char *const *choices;     /* OPT_CHOICE: NULL-terminated */
	enum opt_rule rule;
};

enum { TABLE_MAX = 16 };

struct table {                          /* times by percentile, both ascending; no rows: not given */
	size_t n;
	struct { double percent; nsec time; } rows[TABLE_MAX];
};

/* ---- dice: every draw is a function of (seed, proxy, rule, connection, exchange, moment, n) ---- */

struct dice { uint64_t k0, k1, connection, exchange; uint32_t moment, n; };

uint64_t dice_draw(struct dice *);                      /* 64 random bits */
double   dice_unit(struct dice *);                      /* [0, 1) */
uint64_t dice_below(struct dice *, uint64_t bound);     /* [0, bound); 0 where bound is 0 */
double   dice_normal(struct dice *);                    /* mean 0, deviation 1 */
double   dice_lognormal(struct dice *, double mean, double deviation);  /* >= 0, with a long tail; one draw, which it rises with */
double   dice_pareto(struct dice *, double mean, double deviation);     /* likewise, with a longer tail and a least value */
nsec     dice_table(struct dice *, const struct table *);               /* likewise; between two rows their line, beyond them the nearest */

/* A time drawn as options say it: from the table if it has rows, else around `mean`, by one of the distributions. */
extern const char *const dice_distributions[];          /* uniform (within +- spread), normal, lognormal, pareto (spread is the deviation) */
nsec     dice_time(struct dice *, nsec mean, nsec spread, const char *distribution, const struct table *);

/* ---- messages ---- */

enum direction { REQUEST = 1, RESPONSE = 2, BOTH = 3 }; /* client to backend | back */

enum role {
	/* of a request */
	ASKS,           /* opens an exchange */
	AIDS,           /* opens one that is not decided by rules: it helps a later one (Bind, Sync) */
	SILENT,         /* gets no answer, or one that is let by whatever comes of it: see AIDS below */
	GOES_ON,        /* belongs to the exchange that is open (an answer to a challenge, a file's data) */
	/* of a response */
	ANSWERS,        /* the answer to the oldest open exchange */
	PUSH,           /* answers nothing (a notice, an interim response) */
	                /* AIDS: answers a SILENT request: belongs to no exchange, and no rule is asked */
	/* of a request */
	TELLS,          /* as ASKS, but nothing will answer it: rules decide it, and what they do to it is seen by what comes of it */
};

enum {                          /* what a message is: what a failure must fit */
	IS_OPENING   = 1,       /* no request: the server's greeting, owed since the connection was made */
	IS_LOGIN     = 2,
	IS_COMMAND   = 4,       /* any request after the login */
	IS_STATEMENT = 8,       /* a command that runs a statement */
	IS_READ      = 16,
	IS_WRITE     = 32,
	IS_BEGIN     = 64,
	IS_COMMIT    = 128,
	IS_ROLLBACK  = 256,
	IS_IN_TRANSACTION = 512,     /* no message: a connection that rests in an open transaction; see talk->idle */
	IS_OWN       = 1 << 16, /* this bit and those above are the protocol's own */
};

#define BY_BACKEND (-2)                 /* from refuse(): the backend words it */
#define NOTE_SUBSTITUTE (1ull << 63)    /* in asked->note: this answers a substitute that refuse() wrote, not the message */

struct message {
	enum role role;
	unsigned is;            /* IS_... */
	char verb[24];          /* "QUERY", "GET", "LOGIN"; common to the SQL protocols: QUERY EXECUTE PREPARE LOGIN PING */
	struct span subject;    /* "SELECT 1", "/index.html"; valid during the call; secrets have none */
	struct span bytes;      /* in fits() and refuse(): the request as far as it was cut with its first piece */
	uint16_t head;          /* bytes of framing at its start */
	const char *failure;    /* a request that the protocol itself refuses, whatever the rules say (TLS that was stripped); NULL: none */
	const struct message *sequel;   /* a request that ASKS, to follow once this one is agreed to, and then too late to be refused (a mail behind DATA): decided together with this one. Its bytes come later, without a message of their own */
	const char *agreed;     /* the failure that answers this one where the sequel is refused: agreement, in our words */
	uint64_t seq, note;     /* the protocol's own words, kept with the exchange for its response; note: 63 bits */
};

/* ---- protocols ---- */

struct cut {
	enum { CUT_MORE,        /* cannot tell yet: come back with more (at most 64 KiB are shown) */
	       CUT_PART,        /* `len` bytes of a message that goes on; ends on an inner unit where there is one */
	       CUT_END,         /* `len` bytes that finish a message; `len` may exceed the span: the rest is its body */
	       CUT_WAIT,        /* a request: what this is hangs on an answer. Come back when more is answered; nothing is read meanwhile */
	       CUT_RAW,         /* not mine: from here on pass everything as it comes. talk->notice says why */
	} kind;
	uint64_t len;
	bool replaced;          /* `instead` goes out in place of these bytes (which must all be in the span) */
	struct span instead;
};

struct talk {                           /* one connection, as its protocol sees it */
	const struct protocol *self;    /* as whom it is asked, where functions are shared */
	void *state;                    /* state_size bytes, zeroed at accept; both directions share it */
	const void *opts;               /* the protocol's options */
	struct shelf *texts;            /* prepared statements' texts */
	struct out *scratch;            /* emptied before each call; a good place for `instead` */
	const char *notice;             /* set by the protocol: a static sentence for the log, once per proxy */
	bool close;                     /* set by refuse() or word(): behind this refusal the connection must close, though the failure says STAY */
	bool owed;                      /* for request(): something asked before is not answered yet */
	bool no_sequel;                 /* set by response() and word(): what was just answered was not agreed to, its sequel will not come */
	const char *backend;            /* as configured: "10.0.0.1:80", "unix:/path" */
	unsigned idle;                  /* set by the protocol: IS_..., of what it rests in now; IS_COMMAND is always meant */
};

static inline struct cut cut_more(void)
{
	return (struct cut){ .kind = CUT_MORE };
}

/* `notice`: a static sentence that says why. */
static inline struct cut cut_raw(struct talk *t, const char *notice)
{
	t->notice = notice;
	return (struct cut){ .kind = CUT_RAW };
}

void        shelf_put(struct shelf *, uint64_t key, struct span text);  /* the oldest go when the room is used up */
void        shelf_move(struct shelf *, uint64_t from, uint64_t to);
void        shelf_drop(struct shelf *, uint64_t key);
struct span shelf_get(struct shelf *, uint64_t key);                    /* n = 0: not there, or empty */

enum end {                      /* what befalls the connection */
	STAY,
	STALL,                  /* nothing is read from now on */
	CLOSE,                  /* what is due is sent, then FIN to both sides */
	RESET,                  /* RST to both sides */
	VANISH,                 /* the client is not answered any more, not even by the kernel: no ACK, no FIN, no RST */
};

struct failure {                /* an error of the real server, by name */
	const char *name;       /* snake_case; the same outage has the same name in every protocol */
	const char *code;       /* as the protocol words it: "1213/40001", "57P01", "503" */
	const char *text;       /* as the server words it */
	unsigned fits;          /* IS_...: a message that is any of these */
	unsigned moments;       /* ON_REQUEST; ON_REST: what it fits is what the connection rests in, see talk->idle */
	enum end end;           /* what the server does to the connection behind it */
	uint32_t number;        /* the protocol's own word (a mysql errno) */
	bool by_name;           /* never drawn: it strikes only those who name it */
};

struct protocol {
	uint32_t abi;
	const char *name, *help;
	const struct opt *options; size_t opts_size;    /* table ends with a row without name */
	size_t state_size;
	bool server_first;      /* the server speaks first: its greeting is exchange 0 */
	bool login;             /* connections begin with a login: an exchange that IS_LOGIN */

	/* Both NULL: bytes without messages; then an exchange is a turn. A call that returns a
	 * PART or END fills in *message when the piece is a message's first. `asked` is the oldest
	 * open exchange's request, NULL when nothing is owed. */
	struct cut (*request )(struct talk *, struct span, struct message *);
	struct cut (*response)(struct talk *, struct span, const struct message *asked, struct message *);

	const struct failure *failures;                 /* ends with a row without name; NULL: no words */
	const char *const *own;                         /* what its own bits from IS_OWN on mean, in lists: "look-ups"; ends with NULL */
	/* Can it answer this one, whose `is` says that it can? Asked before anything is counted, and changes nothing. NULL: it can */
	bool (*fits)(struct talk *, const struct message *, const struct failure *);
	/* Write to `backend` what leaves it as the real failure would. Returns how many responses that
	 * brings (0: nothing is forwarded), BY_BACKEND: the response to what was written is the failure
	 * itself, and passes. Any other below 0: it went wrong; the connection closes behind the words. */
	int  (*refuse)(struct talk *, const struct message *, const struct failure *, struct out *backend);
	/* A rule drops this one, which was just told in *message: the backend will not see it. NULL: nothing hangs on that */
	void (*dropped)(struct talk *, const struct message *);
	/* Write what makes the server send answers that it keeps back until it is asked for more: nothing more will be.
	 * NULL: it keeps none back. */
	void (*flush)(struct talk *, struct out *backend);
	/* The error itself, when those responses have been swallowed, in turn. asked NULL: unasked, on an idle connection */
	void (*word)(struct talk *, const struct message *asked, const struct failure *, struct out *client);

	void (*forget)(void *state);                    /* the connection is gone, and now its state goes; NULL: nothing hangs on it */
};

/* What a statement does, as far as its first words tell; for every protocol that speaks SQL. */
struct sql_keyword { const char *word, *then; unsigned is; };   /* `then` NULL: whatever follows */

struct sql {                            /* a dialect */
	const struct sql_keyword *keywords;     /* the first that fits counts; ends with a row without word */
	size_t (*comment)(struct span);         /* how long the comment is that this begins with; 0: none begins here */
};

const struct sql_keyword *sql_find(const struct sql *, struct span text);       /* NULL: none of them */

/* ---- behaviors ---- */

enum moment {
	ON_OPEN     = 1,        /* rule and connection meet: at accept, before the dial; or when the rule comes to an open connection */
	ON_REQUEST  = 2,        /* a request's first piece. Also asked for a response that nobody requested (a greeting): there, what it says of time befalls that response */
	ON_RESPONSE = 4,        /* a response's first piece */
	ON_DATA     = 8,        /* every piece, in stream order */
	ON_REST     = 16,       /* nothing is owed or held, logged in, both sides between messages; `after` = that much more rest, any byte cancels */
	ON_END      = 32,       /* end of stream, behind its direction's last byte */
	ON_LEAVE    = 64,       /* the rule is removed from an open connection (not: its options are changed); only `end` counts */
	ON_LISTEN   = 128,      /* the rule comes into force on the port; only `end`: CLOSE = clients are refused, VANISH = they are not answered.
	                           Asked of rules without odds, match, client or counters only; nothing is counted */
};

struct event {
	const struct behavior *self;    /* as whom it is asked, where act() is shared ... */
	uint64_t rule;                  /* ... and for which rule, by its id: one whose options change is another */
	enum moment moment;
	enum direction direction;
	const struct message *msg;      /* NULL at ON_OPEN, ON_REST, ON_END, ON_LEAVE and inside raw bytes. At ON_RESPONSE what was asked, but `head` is the response's */
	const void *opts;
	void *state;                    /* state_size bytes per rule and connection, zeroed at first */
	struct dice *dice;
	nsec age;                       /* since the rule was set */
	uint64_t connection, exchange;
	uint64_t passed;                /* bytes let by in this direction of this connection since the rule met it, whatever its options then */
	uint8_t *data; size_t len;      /* the bytes at hand; none at ON_RESPONSE where a refusal is worded */
	bool words;                     /* the protocol knows how to refuse */
};

enum fate { PASS, DROP, REPLY };        /* what befalls the bytes; REPLY: refused in the protocol's words */

struct pace {                   /* how fast bytes leave; 0 = no limit */
	uint64_t rate;          /* bytes per second */
	size_t piece, vary;     /* in pieces of piece +- vary bytes ... */
	nsec gap;               /* ... with so much time between them */
};

struct dirt {
	size_t junk, at;        /* so many random bytes put in at this offset of the first piece */
	unsigned flips;         /* so many bits flipped, anywhere in these bytes */
	bool edited;            /* event->data was edited in place */
};
#define MIDDLE SIZE_MAX         /* a dirt.at: the middle of the first piece */

struct verdict {                /* arrives calm: all zero but keep = ALL */
	enum fate fate;
	const char *failure;    /* REPLY: which; NULL: the dice pick one that leaves the connection usable */
	size_t keep;            /* of the message's bytes (ON_DATA: of these) so many pass */
	nsec hold;              /* late by so much from arrival */
	struct pace pace;
	struct dirt dirt;
	enum end end;
	nsec after;             /* of `end`: 0 = in turn, when all before it is answered and sent; else by the clock, from now.
	                           Each rule has a clock of its own; said again, the earlier time stands, but at ON_DATA the new one */
};

struct behavior {
	uint32_t abi;
	const char *name, *help;
	const struct opt *options; size_t opts_size;
	size_t state_size;
	unsigned on;                    /* the moments it wants to be asked at */
	enum direction direction;       /* that it acts on unless the rule says otherwise; 0 = BOTH */
	void (*act)(const struct event *, struct verdict *);
	void (*forget)(void *state);    /* a rule's or a connection's state goes; NULL: nothing hangs on it */
	unsigned traits;                /* TRAIT_... */
	const char *failure;            /* the one it refuses with, which the proxy's protocol must have; NULL: none, or an option says which */
};

enum {
	TRAIT_WHOLE = 1,        /* it strikes connections: the dice decide once for each, unless the rule says per = exchange */
	TRAIT_LINE  = 2,        /* its pace.rate is that of a line, which all connections can share (the rule's `share`) */
};

/* Refuse in the protocol's words; where it has none, or `spoil` is set, put junk in the answer:
 * instead of it, or (spoil) in its middle. What `error` and its kin do. */
static inline void verdict_refuse(const struct event *e, const char *failure, bool spoil, struct verdict *v)
{
	if (e->words && !spoil) {
		if (e->moment != ON_RESPONSE) {
			v->fate = REPLY;
			v->failure = failure;
		}
	} else if (e->moment == ON_RESPONSE) {
		v->keep = spoil ? ALL : 0;
		v->dirt.junk = spoil ? 100 : 1000;
		v->dirt.at = spoil ? MIDDLE : 0;
	}
}

/* At ON_DATA: `left` more bytes pass, then the connection ends. Calm until that is reached. */
static inline void verdict_limit(const struct event *e, uint64_t left, enum end end, struct verdict *v)
{
	if (e->len < left)
		return;
	v->keep = e->len == left ? ALL : (size_t)left;
	v->end = end;
}

/* ---- announcing oneself: the one line at the foot of the file ---- */

void behavior_announce(const struct behavior *);
void protocol_announce(const struct protocol *);

#define BEHAVIOR(id, ...) \
	static const struct behavior behavior_##id = { .abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void behavior_##id##_announce(void) { behavior_announce(&behavior_##id); }

#define PROTOCOL(id, ...) \
	static const struct protocol protocol_##id = { .abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void protocol_##id##_announce(void) { protocol_announce(&protocol_##id); }

#endif
