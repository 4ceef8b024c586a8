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

typedef int64_t vn_nsec;

#define VN_US ((vn_nsec)1000)
#define VN_MS ((vn_nsec)1000000)
#define VN_S  ((vn_nsec)1000000000)
#define VN_NEVER   INT64_MAX               /* a hold until the rule goes */
#define VN_ALL     SIZE_MAX                /* a `keep` that keeps everything */

struct vn_span { const uint8_t *p; size_t n; };    /* bytes on loan, for the length of one call */
struct vn_buffer;                                     /* bytes in the making; the core's */
struct vn_text_cache;                                   /* bounded memory for texts; the core's */

void vn_buffer_put(struct vn_buffer *, const void *bytes, size_t n);
void vn_buffer_byte(struct vn_buffer *, uint8_t);
struct vn_span vn_buffer_span(const struct vn_buffer *);       /* what was put so far, until the next put */

/* ---- options: one row each, from which flags, INI keys, HTTP checks and docs are made ---- */

enum vn_opt_type {
	VN_OPT_BOOL,       /* bool */
	VN_OPT_INT,        /* int64_t */
	VN_OPT_REAL,       /* double */
	VN_OPT_TIME,       /* vn_nsec; a bare number counts in `unit`, "250ms" "2s" "1h" say their own */
	VN_OPT_TEXT,       /* const char *, NULL when not given */
	VN_OPT_CHOICE,     /* const char *, one of `choices` */
	VN_OPT_FAILURE,    /* const char *, the name of a failure of the proxy's protocol; NULL: none named */
	VN_OPT_TABLE,      /* struct vn_table, as "50:10ms,90:40ms,99:1s"; bare times count in `unit` */
	VN_OPT_INERT,      /* int64_t; accepted for the sake of older command lines, changes nothing */
};

enum vn_opt_rule { VN_OPT_OWN, VN_OPT_SKIP, VN_OPT_TIMES }; /* is the option's value the behavior's own, or a field of its rule? */

struct vn_opt {
	const char *name;               /* snake_case; "-" for "_" in flags */
	enum vn_opt_type type;
	size_t offset;                  /* of the field in the options struct; unused by VN_OPT_SKIP, VN_OPT_TIMES */
	const char *def;                /* the default, as a user would type it; NULL: false, 0, "" or none */
	const char *help;               /* one sentence, no full stop */
	vn_nsec unit;                      /* VN_OPT_TIME, VN_OPT_TABLE: what a bare number means */
	double min, max;                /* VN_OPT_INT, VN_OPT_REAL, VN_OPT_TIME (in units); both 0: no bound but >= 0 */
	const char *const *choices;     /* VN_OPT_CHOICE: NULL-terminated */
	enum vn_opt_rule rule;
};

enum { VN_TABLE_MAX = 16 };

struct vn_table {                          /* times by percentile, both ascending; no rows: not given */
	size_t n;
	struct { double percent; vn_nsec time; } rows[VN_TABLE_MAX];
};

/* ---- dice: every draw is a function of (seed, proxy, rule, connection, exchange, moment, n) ---- */

struct vn_dice { uint64_t k0, k1, connection, exchange; uint32_t moment, n; };

uint64_t vn_dice_draw(struct vn_dice *);                      /* 64 random bits */
double   vn_dice_unit(struct vn_dice *);                      /* [0, 1) */
uint64_t vn_dice_below(struct vn_dice *, uint64_t bound);     /* [0, bound); 0 where bound is 0 */
double   vn_dice_normal(struct vn_dice *);                    /* mean 0, deviation 1 */
double   vn_dice_lognormal(struct vn_dice *, double mean, double deviation);  /* >= 0, with a long tail; one draw, which it rises with */
double   vn_dice_pareto(struct vn_dice *, double mean, double deviation);     /* likewise, with a longer tail and a least value */
vn_nsec     vn_dice_table(struct vn_dice *, const struct vn_table *);               /* likewise; between two rows their line, beyond them the nearest */

/* A time drawn as options say it: from the table if it has rows, else around `mean`, by one of the distributions. */
extern const char *const vn_dice_distributions[];          /* uniform (within +- spread), normal, lognormal, pareto (spread is the deviation) */
vn_nsec     vn_dice_time(struct vn_dice *, vn_nsec mean, vn_nsec spread, const char *distribution, const struct vn_table *);

/* ---- messages ---- */

enum vn_direction { VN_REQUEST = 1, VN_RESPONSE = 2, VN_BOTH = 3 }; /* client to backend | back */

enum vn_role {
	/* of a request */
	VN_ASKS,           /* opens an exchange */
	VN_AIDS,           /* opens one that is not decided by rules: it helps a later one (Bind, Sync) */
	VN_SILENT,         /* gets no answer, or one that is let by whatever comes of it: see VN_AIDS below */
	VN_GOES_ON,        /* belongs to the exchange that is open (an answer to a challenge, a file's data) */
	/* of a response */
	VN_ANSWERS,        /* the answer to the oldest open exchange */
	VN_PUSH,           /* answers nothing (a notice that nobody asked for) */
	                /* VN_AIDS: answers a VN_SILENT request: belongs to no exchange, and no rule is asked */
	/* of a request */
	VN_TELLS,          /* as VN_ASKS, but nothing will answer it: rules decide it, and what they do to it is seen by what comes of it */
	/* of a response */
	VN_INTERIM,        /* belongs to the oldest open exchange and does not answer it: the server waits for the client
	                    * (COPY's G, SMTP's 334), or reports that the answer is still to come (HTTP's 102). It passes,
	                    * VN_ON_RESPONSE is asked of what follows. A piece inside an answer has this role where the
	                    * client must send before more comes: if a rule swallows that answer, the connection ends */
};

enum {                          /* what a message is: what a failure must fit */
	VN_IS_OPENING   = 1,       /* no request: the server's greeting, owed since the connection was made */
	VN_IS_LOGIN     = 2,
	VN_IS_COMMAND   = 4,       /* any request after the login */
	VN_IS_STATEMENT = 8,       /* a command that runs a statement */
	VN_IS_READ      = 16,
	VN_IS_WRITE     = 32,
	VN_IS_BEGIN     = 64,
	VN_IS_COMMIT    = 128,
	VN_IS_ROLLBACK  = 256,
	VN_IS_IN_TRANSACTION = 512,     /* no message: a connection that rests in an open transaction; see session->idle */
	VN_IS_UNKNOWN   = 1024,    /* nobody here knows what it does: what hangs on READ, WRITE or own bits is unreachable */
	VN_IS_OWN       = 1 << 16, /* this bit and those above are the protocol's own */
};

#define VN_BY_BACKEND (-2)                 /* from refuse(): the backend words it */
#define VN_NOTE_SUBSTITUTE (1ull << 63)    /* in asked->note: this answers a substitute that refuse() wrote, not the message */

struct vn_message {
	enum vn_role role;
	unsigned is;            /* IS_... */
	char verb[24];          /* "QUERY", "GET", "LOGIN"; common to the SQL protocols: QUERY EXECUTE PREPARE LOGIN PING */
	struct vn_span subject;    /* "SELECT 1", "/index.html"; valid during the call; secrets have none */
	struct vn_span bytes;      /* in fits() and refuse(): the request as far as it was cut with its first piece */
	uint16_t head;          /* bytes of framing at its start */
	uint16_t lead;          /* bytes of blanks and comments at the subject's start, which a rule's match passes over */
	const char *failure;    /* a request that the protocol itself refuses, whatever the rules say (TLS that was stripped); NULL: none */
	const struct vn_message *sequel;   /* a request that VN_ASKS, to follow once this one is agreed to, and then too late to be refused (a mail behind DATA): decided together with this one. Its bytes come later, without a message of their own */
	const char *agreed;     /* the failure that answers this one where the sequel is refused: agreement, in our words */
	uint64_t seq, note;     /* the protocol's own words, kept with the exchange for its response; note: 63 bits */
};

/* ---- protocols ---- */

struct vn_cut {
	enum { VN_CUT_MORE,        /* cannot tell yet: come back with more (at most 64 KiB are shown) */
	       VN_CUT_PART,        /* `len` bytes of a message that goes on; ends on an inner unit where there is one */
	       VN_CUT_END,         /* `len` bytes that finish a message; `len` may exceed the span: the rest is its body */
	       VN_CUT_WAIT,        /* a request: what this is hangs on an answer. Come back when more is answered; nothing is read meanwhile */
	       VN_CUT_RAW,         /* not mine: from here on pass everything as it comes. session->notice says why */
	} kind;
	uint64_t len;
	bool replaced;          /* `instead` goes out in place of these bytes (which must all be in the span) */
	struct vn_span instead;
};

struct vn_session {                           /* one connection, as its protocol sees it */
	const struct vn_protocol *self;    /* as whom it is asked, where functions are shared */
	void *state;                    /* state_size bytes, zeroed at accept; both directions share it */
	const void *opts;               /* the protocol's options */
	struct vn_text_cache *texts;            /* prepared statements' texts */
	struct vn_buffer *scratch;            /* emptied before each call; a good place for `instead` */
	const char *notice;             /* set by the protocol: a static sentence for the log, once per proxy */
	bool close;                     /* set by refuse() or word(): behind this refusal the connection must close, though the failure says VN_STAY */
	bool owed;                      /* for request(): something asked before is not answered yet */
	bool judged;                    /* for request(): a rule may refuse, so that READ, WRITE and own bits are asked for */
	const char *limit;              /* set by fits() where it could answer but for a limit of ours: a static sentence that says which */
	bool no_sequel;                 /* set by response() and word(): what was just answered was not agreed to, its sequel will not come */
	const char *backend;            /* as configured: "10.0.0.1:80", "unix:/path" */
	unsigned idle;                  /* set by the protocol: IS_..., of what it rests in now; VN_IS_COMMAND is always meant */
};

static inline struct vn_cut vn_cut_more(void)
{
	return (struct vn_cut){ .kind = VN_CUT_MORE };
}

/* `notice`: a static sentence that says why. */
static inline struct vn_cut vn_cut_raw(struct vn_session *t, const char *notice)
{
	t->notice = notice;
	return (struct vn_cut){ .kind = VN_CUT_RAW };
}

void        vn_text_cache_put(struct vn_text_cache *, uint64_t key, struct vn_span text);  /* the oldest go when the room is used up */
void        vn_text_cache_move(struct vn_text_cache *, uint64_t from, uint64_t to);
void        vn_text_cache_drop(struct vn_text_cache *, uint64_t key);
struct vn_span vn_text_cache_get(struct vn_text_cache *, uint64_t key);                    /* n = 0: not there, or empty */

enum vn_end {                      /* what befalls the connection */
	VN_STAY,
	VN_STALL,                  /* nothing is read from now on */
	VN_CLOSE,                  /* what is due is sent, then FIN to both sides */
	VN_RESET,                  /* RST to both sides */
	VN_VANISH,                 /* the client is not answered any more, not even by the kernel: no ACK, no FIN, no RST */
};

struct vn_failure {                /* an error of the real server, by name */
	const char *name;       /* snake_case; the same outage has the same name in every protocol */
	const char *code;       /* as the protocol words it: "1213/40001", "57P01", "503" */
	const char *text;       /* as the server words it */
	unsigned fits;          /* IS_...: a message that is any of these */
	unsigned moments;       /* VN_ON_REQUEST; VN_ON_REST: what it fits is what the connection rests in, see session->idle */
	enum vn_end end;           /* what the server does to the connection behind it */
	uint32_t number;        /* the protocol's own word (a mysql errno) */
	bool by_name;           /* never drawn: it strikes only those who name it */
};

struct vn_protocol {
	uint32_t abi;
	const char *name, *help;
	const struct vn_opt *options; size_t opts_size;    /* table ends with a row without name */
	size_t state_size;
	bool server_first;      /* the server speaks first: its greeting is exchange 0 */
	bool login;             /* connections begin with a login: an exchange that VN_IS_LOGIN */

	/* Both NULL: bytes without messages; then an exchange is a turn. A call that returns a
	 * PART or END fills in *message when the piece is a message's first. `asked` is the oldest
	 * open exchange's request, NULL when nothing is owed. */
	struct vn_cut (*request )(struct vn_session *, struct vn_span, struct vn_message *);
	struct vn_cut (*response)(struct vn_session *, struct vn_span, const struct vn_message *asked, struct vn_message *);

	const struct vn_failure *failures;                 /* ends with a row without name; NULL: no words */
	const char *const *own;                         /* what its own bits from VN_IS_OWN on mean, in lists: "look-ups"; ends with NULL */
	const char *const *limits;                      /* what it cannot know, in sentences, for the docs; ends with NULL */
	/* Can it answer this one, whose `is` says that it can? Asked before anything is counted, and changes nothing. NULL: it can */
	bool (*fits)(struct vn_session *, const struct vn_message *, const struct vn_failure *);
	/* Write to `backend` what leaves it as the real failure would. Returns how many responses that
	 * brings (0: nothing is forwarded), VN_BY_BACKEND: the response to what was written is the failure
	 * itself, and passes. Any other below 0: it went wrong; the connection closes behind the words. */
	int  (*refuse)(struct vn_session *, const struct vn_message *, const struct vn_failure *, struct vn_buffer *backend);
	/* A rule drops this one, which was just told in *message: the backend will not see it. NULL: nothing hangs on that */
	void (*dropped)(struct vn_session *, const struct vn_message *);
	/* Write what makes the server send answers that it keeps back until it is asked for more: nothing more will be.
	 * NULL: it keeps none back. */
	void (*flush)(struct vn_session *, struct vn_buffer *backend);
	/* The error itself, when those responses have been swallowed, in turn. asked NULL: unasked, on an idle connection */
	void (*word)(struct vn_session *, const struct vn_message *asked, const struct vn_failure *, struct vn_buffer *client);

	void (*forget)(void *state);                    /* the connection is gone, and now its state goes; NULL: nothing hangs on it */
};

/* ---- SQL: what a statement does, as far as its words tell; for every protocol that speaks it ---- */

/* Texts are taken apart as the server does it: comments, strings and quoted names hide what is in them.
 * Only VN_SQL_TEXT_MAX bytes of a text are looked at, in one pass; VN_SQL_DEPTH_MAX texts inside one another
 * (EXECUTE of what was prepared), VN_SQL_NESTED_MAX statements (EXPLAIN of ...), and VN_SQL_STATEMENTS_MAX of them in
 * all. What is beyond is VN_IS_UNKNOWN. */
enum { VN_SQL_TEXT_MAX = 16384, VN_SQL_DEPTH_MAX = 4, VN_SQL_NESTED_MAX = 32, VN_SQL_STATEMENTS_MAX = 128 };

enum {                                  /* vn_sql_keyword.how */
	VN_SQL_QUERY     = 1 << 0,      /* words inside of it count: see VN_SQL_INSIDE */
	VN_SQL_WITH      = 1 << 1,      /* a QUERY whose statement comes behind its names and their brackets */
	VN_SQL_INSIDE    = 1 << 2,      /* no statement, but what stands in one; of several the first row counts */
	VN_SQL_BRACKETED = 1 << 3,      /* ... where a bracket of a WITH opens */
	VN_SQL_TOP       = 1 << 17,     /* ... outside of brackets only */
	VN_SQL_OF_TABLE  = 1 << 4,      /* ... if a table was named that lasts; QUERY: a table's name follows */
	VN_SQL_ALLOWED   = 1 << 5,      /* what is forbidden by `own` is not, where its @ is a temporary table */
	VN_SQL_TEMPORARY = 1 << 6,      /* its @ is a temporary table from now on ... */
	VN_SQL_DROPS     = 1 << 7,      /* ... until this */
	VN_SQL_PREFIX    = 1 << 8,      /* a statement follows */
	VN_SQL_EXPLAINS  = 1 << 9,      /* ... which is run only where it says ANALYZE */
	VN_SQL_ANALYZES  = 1 << 10,     /* ... which is run */
	VN_SQL_PREPARES  = 1 << 11,     /* what follows, a statement or a string, is kept under the name @ ... */
	VN_SQL_EXECUTES  = 1 << 12,     /* ... and run */
	VN_SQL_IMMEDIATE = 1 << 13,     /* a string follows, which is run */
	VN_SQL_FORGETS   = 1 << 14,     /* ... and forgotten */
	VN_SQL_COPIES    = 1 << 15,     /* a query in brackets, or @ ... TO (it reads) or FROM */
	VN_SQL_LATER     = 1 << 16,     /* a PREFIX whose functions are called later (a cursor); INSIDE: such a function */
};

struct vn_sql_keyword {
	/* In turn: "A|B": either; "?A": if it is there; "*A|B": any number of them; "..": whatever comes before the next,
	 * brackets as one; "@": a name, whose last part counts; "(": itself. In small letters: quoted or not. */
	const char *words;
	unsigned is, how;
	const char *tag;                /* as the server calls it */
};

struct vn_sql {                            /* a dialect */
	const struct vn_sql_keyword *keywords;     /* first those that are INSIDE, then QUERY, then others; ends with a row without words */
	size_t (*comment)(struct vn_span);         /* how long the comment is that this begins with; 0: none begins here */
	bool backslash;                 /* escapes in every string; else in E'' */
	bool dollar;                    /* $tag$ quotes */
	const char *names;              /* what quotes names: the others of ' " ` quote strings */
	unsigned own;                   /* bits that say what is forbidden: an EXPLAIN has those of what it explains ... */
	bool explains;                  /* ... though that is not run */
	unsigned prepares;              /* those of them that a PREPARE has of what it prepares */
};

struct vn_sql_deed { unsigned is, row; };  /* row: of the keywords, plus 1, which is forbidden, or else the first; 0: none */

/* All that the statements of *text do; only its first where nobody asks for more (session->judged). What is prepared
 * and what is temporary is kept among the session's texts; *text may be another copy then. */
struct vn_sql_deed vn_sql_judge(struct vn_session *, const struct vn_sql *, struct vn_span *text);
void vn_sql_undo(struct vn_session *, const struct vn_sql *, struct vn_span text);     /* the server will not see it after all */
uint16_t vn_sql_lead(struct vn_span text, size_t (*comment)(struct vn_span));  /* for message.lead: blanks and comments at its start */
uint64_t vn_sql_key(uint8_t of, struct vn_span name);      /* of what is kept: 'S'tatements, 'T'emporary tables */

/* ---- behaviors ---- */

enum vn_moment {
	VN_ON_OPEN     = 1,        /* rule and connection meet: at accept, before the dial; or when the rule comes to an open connection */
	VN_ON_REQUEST  = 2,        /* a request's first piece. Also asked for a response that nobody requested (a greeting): there, what it says of time befalls that response */
	VN_ON_RESPONSE = 4,        /* a response's first piece */
	VN_ON_DATA     = 8,        /* every piece, in stream order */
	VN_ON_REST     = 16,       /* nothing is owed or held, logged in, both sides between messages; `after` = that much more rest, any byte cancels */
	VN_ON_END      = 32,       /* end of stream, behind its direction's last byte */
	VN_ON_LEAVE    = 64,       /* the rule is removed from an open connection (not: its options are changed); only `end` counts */
	VN_ON_LISTEN   = 128,      /* the rule comes into force on the port; only `end`: VN_CLOSE = clients are refused, VN_VANISH = they are not answered.
	                           Asked of rules without odds, match, client or counters only; nothing is counted */
};

struct vn_event {
	const struct vn_behavior *self;    /* as whom it is asked, where act() is shared ... */
	uint64_t rule;                  /* ... and for which rule, by its id: one whose options change is another */
	enum vn_moment moment;
	enum vn_direction direction;
	const struct vn_message *msg;      /* NULL at VN_ON_OPEN, VN_ON_REST, VN_ON_END, VN_ON_LEAVE and inside raw bytes. At VN_ON_RESPONSE what was asked, but `head` is the response's */
	const void *opts;
	void *state;                    /* state_size bytes per rule and connection, zeroed at first */
	struct vn_dice *dice;
	vn_nsec age;                       /* since the rule was set */
	uint64_t connection, exchange;
	uint64_t passed;                /* bytes let by in this direction of this connection since the rule met it, whatever its options then */
	uint8_t *data; size_t len;      /* the bytes at hand; none at VN_ON_RESPONSE where a refusal is worded */
	bool words;                     /* the protocol knows how to refuse */
	bool interim;                   /* VN_ON_DATA: these bytes are no part of an answer: VN_INTERIM, or VN_AIDS */
};

enum vn_fate { VN_PASS, VN_DROP, VN_REPLY };        /* what befalls the bytes; VN_REPLY: refused in the protocol's words */

struct vn_pace {                   /* how fast bytes leave; 0 = no limit */
	uint64_t rate;          /* bytes per second */
	size_t piece, vary;     /* in pieces of piece +- vary bytes ... */
	vn_nsec gap;               /* ... with so much time between them */
};

struct vn_dirt {
	size_t junk, at;        /* so many random bytes put in at this offset of the first piece */
	unsigned flips;         /* so many bits flipped, anywhere in these bytes */
	bool edited;            /* event->data was edited in place */
};
#define VN_MIDDLE SIZE_MAX         /* a dirt.at: the middle of the first piece */

struct vn_verdict {                /* arrives calm: all zero but keep = VN_ALL */
	enum vn_fate fate;
	const char *failure;    /* VN_REPLY: which; NULL: the dice pick one that leaves the connection usable */
	size_t keep;            /* of the message's bytes (VN_ON_DATA: of these) so many pass */
	vn_nsec hold;              /* late by so much from arrival */
	struct vn_pace pace;
	struct vn_dirt dirt;
	enum vn_end end;
	vn_nsec after;             /* of `end`: 0 = in turn, when all before it is answered and sent; else by the clock, from now.
	                           Each rule has a clock of its own; said again, the earlier time stands, but at VN_ON_DATA the new one */
};

enum vn_group {                         /* where lists show a behavior */
	VN_GROUP_NONE,                  /* among the others */
	VN_GROUP_TIME,                  /* messages or bytes are late */
	VN_GROUP_ERRORS,                /* requests get errors of the server */
	VN_GROUP_CONNECTION,            /* connections end, or nothing passes on them */
	VN_GROUP_BYTES,                 /* bytes are changed, missing or cut off */
	VN_GROUP_RATE,                  /* bytes are slow, or come in pieces */
};

struct vn_behavior {
	uint32_t abi;
	const char *name, *help;
	const struct vn_opt *options; size_t opts_size;
	size_t state_size;
	unsigned on;                    /* the moments it wants to be asked at */
	enum vn_direction direction;       /* that it acts on unless the rule says otherwise; 0 = VN_BOTH */
	void (*act)(const struct vn_event *, struct vn_verdict *);
	void (*forget)(void *state);    /* a rule's or a connection's state goes; NULL: nothing hangs on it */
	unsigned traits;                /* TRAIT_... */
	const char *failure;            /* the one it refuses with, which the proxy's protocol must have; NULL: none, or an option says which */
	enum vn_group group;
	const char *example;            /* arguments of `vaurienctl set-behavior`, its name first; NULL: none */
	const char *sees;               /* what the client sees, without a full stop; NULL: no text */
};

enum {
	VN_TRAIT_WHOLE = 1,        /* it strikes connections: the dice decide once for each, unless the rule says per = exchange */
	VN_TRAIT_LINE  = 2,        /* its pace.rate is that of a line, which all connections can share (the rule's `share`) */
	VN_TRAIT_REFUSES = 4,      /* it may refuse, though it has neither `failure` nor an option that names one */
};

/* Refuse in the protocol's words; where it has none, or `spoil` is set, put junk in the answer:
 * instead of it, or (spoil) in its middle. What `error` and its kin do. */
static inline void vn_verdict_refuse(const struct vn_event *e, const char *failure, bool spoil, struct vn_verdict *v)
{
	if (e->words && !spoil) {
		if (e->moment != VN_ON_RESPONSE) {
			v->fate = VN_REPLY;
			v->failure = failure;
		}
	} else if (e->moment == VN_ON_RESPONSE) {
		v->keep = spoil ? VN_ALL : 0;
		v->dirt.junk = spoil ? 100 : 1000;
		v->dirt.at = spoil ? VN_MIDDLE : 0;
	}
}

/* At VN_ON_DATA: `left` more bytes pass, then the connection ends. Calm until that is reached. */
static inline void vn_verdict_limit(const struct vn_event *e, uint64_t left, enum vn_end end, struct vn_verdict *v)
{
	if (e->len < left)
		return;
	v->keep = e->len == left ? VN_ALL : (size_t)left;
	v->end = end;
}

/* ---- announcing oneself: the one line at the foot of the file ---- */

void vn_behavior_announce(const struct vn_behavior *);
void vn_protocol_announce(const struct vn_protocol *);

#define VN_BEHAVIOR(id, ...) \
	static const struct vn_behavior behavior_##id = { .abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void behavior_##id##_announce(void) { vn_behavior_announce(&behavior_##id); }

#define VN_PROTOCOL(id, ...) \
	static const struct vn_protocol protocol_##id = { .abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void protocol_##id##_announce(void) { vn_protocol_announce(&protocol_##id); }

#endif
