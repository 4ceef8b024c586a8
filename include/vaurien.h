/* vaurien.h - the interface between Vaurien and its behaviors and protocols, the guests.
 *
 * A protocol finds messages in a stream of bytes, and writes the errors of the real server. A
 * behavior gets a message and returns a verdict: what happens to it. Neither has a socket, a timer
 * or a lock; the engine carries verdicts out. docs/writing-a-behavior.md and
 * docs/writing-a-protocol.md are guides to this file.
 *
 * Memory: the engine owns all of it. State is zeroed before its first use, and a guest never calls
 * malloc. A guest's own tables and texts are constant, and live as long as the program. Pointers in
 * arguments are valid during the call only.
 *
 * Threads: a callback runs in the worker thread of its connection. Calls for one connection never
 * overlap; calls for other connections run in other threads at the same time. So a guest has no
 * variables of its own but its state. A callback must return at once.
 *
 * Values: times are in nanoseconds, sizes in bytes. The engine limits what a guest returns to its
 * range. Zero is the default of each field, unless its comment has another. */
#ifndef VAURIEN_H
#define VAURIEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VAURIEN_ABI 2                   /* of this header; a guest with another one is rejected */
#define VAURIEN_VERSION "3.0.0"         /* of the program */

typedef int64_t vn_nsec;                /* nanoseconds */

#define VN_US    ((vn_nsec)1000)
#define VN_MS    ((vn_nsec)1000000)
#define VN_S     ((vn_nsec)1000000000)
#define VN_NEVER INT64_MAX              /* of a hold: until the rule is removed */
#define VN_ALL   SIZE_MAX               /* of a keep: all bytes */

/* ---- bytes ---- */

struct vn_span {                        /* bytes of the engine, valid during the call */
	const uint8_t *p;               /* NULL only if n is 0 */
	size_t n;
};

/* A text that is constant, as an initializer. It may have zeros in it. */
#define VN_SPAN(text) { (const uint8_t *)("" text), sizeof text - 1 }

struct vn_buffer;                       /* a growable buffer of the engine */
struct vn_text_cache;                   /* see vn_text_cache_put() */
struct vn_backend_note;                 /* see vn_backend_note_get() */

void vn_buffer_put(struct vn_buffer *, const void *bytes, size_t n);    /* appends a copy */
void vn_buffer_byte(struct vn_buffer *, uint8_t);
struct vn_span vn_buffer_span(const struct vn_buffer *);        /* valid until the next append */

struct vn_name {                        /* a name in the text of an error */
	const char *example;            /* as the table of failures has it: "app" */
	struct vn_span real;            /* as it is here; p NULL: the example stays */
};

/* Write the text with the real names in place of the examples, where these are whole words: "app"
 * in 'app', not in apple. It stops after `room` bytes. Returns the length; no 0 is at the end. */
size_t vn_text_named(char *to, size_t room, const char *text, const struct vn_name *names,
                     size_t n);

/* ---- options ----
 *
 * An option is one row of a table. Its flag, its key in the file, its check, its help and its row
 * in the documents follow from it. */

enum vn_opt_type {                      /* and the type of the field */
	VN_OPT_BOOL,                    /* bool */
	VN_OPT_INT,                     /* int64_t */
	VN_OPT_REAL,                    /* double */
	VN_OPT_TIME,                    /* vn_nsec. A number without a unit is in `unit`;
	                                 * "250ms", "2s", "1h" have their own */
	VN_OPT_TEXT,                    /* const char *; NULL: not given */
	VN_OPT_CHOICE,                  /* const char *, one of `choices` */
	VN_OPT_FAILURE,                 /* const char *, the name of a failure of the proxy's
	                                 * protocol; NULL: not given */
	VN_OPT_TABLE,                   /* struct vn_table, written "50:10ms,90:40ms,99:1s";
	                                 * numbers without a unit are in `unit` */
	VN_OPT_INERT,                   /* no field: accepted for older command lines, without
	                                 * effect */
};

enum vn_opt_rule {                      /* where the value is stored */
	VN_OPT_OWN,                     /* in the options struct */
	VN_OPT_SKIP,                    /* in the field `skip` of the rule; the type is
	                                 * VN_OPT_INT */
	VN_OPT_TIMES,                   /* in its field `times`; the type is VN_OPT_INT */
};

struct vn_opt {                         /* a row; a table ends with a row without name */
	const char *name;               /* of a-z, 0-9 and _; flags have "-" for "_" */
	enum vn_opt_type type;
	size_t offset;                  /* of the field in the options struct; unused unless
	                                 * `rule` is VN_OPT_OWN */
	const char *def;                /* the default, as a user would type it; NULL: false, 0,
	                                 * "" or not given */
	const char *help;               /* one sentence without a full stop */
	vn_nsec unit;                   /* VN_OPT_TIME, VN_OPT_TABLE: of a number without a unit;
	                                 * greater than 0 */
	double min, max;                /* VN_OPT_INT, VN_OPT_REAL, VN_OPT_TIME: the range, of a
	                                 * time in units; both 0: any value >= 0; max 0: no upper
	                                 * bound */
	const char *const *choices;     /* VN_OPT_CHOICE: ends with NULL */
	enum vn_opt_rule rule;
	/* VN_OPT_TEXT: false: the text is no good, and `why` has what was expected, as "expected a
	 * list of ciphers, got 'x'". NULL: any text is good. Called in the control thread, by
	 * those who set the option */
	bool (*check)(const char *text, char *why, size_t room);
};

enum { VN_TABLE_MAX = 16 };             /* rows */

struct vn_table {                       /* times by percentile */
	size_t n;                       /* 0: not given */
	struct {
		double percent;         /* 0 to 100, ascending */
		vn_nsec time;           /* ascending */
	} rows[VN_TABLE_MAX];
};

/* ---- dice ----
 *
 * The only source of random numbers. A draw depends on the seed, the names of proxy and rule, the
 * connection, the exchange, the moment, and the number of draws before it. So a seed repeats it. */

struct vn_dice {                        /* private to the engine */
	uint64_t k0, k1, connection, exchange;
	uint32_t moment, n;
};

uint64_t vn_dice_draw(struct vn_dice *);                        /* 64 random bits */
double   vn_dice_unit(struct vn_dice *);                        /* uniform in [0, 1) */
uint64_t vn_dice_below(struct vn_dice *, uint64_t bound);       /* uniform in [0, bound), or 0 */
double   vn_dice_normal(struct vn_dice *);                      /* mean 0, standard deviation 1 */

/* Each of these takes one draw and rises with it; none is below 0. The Pareto distribution has a
 * least value. A table is linear between two rows, and constant beyond the first and the last. */
double   vn_dice_lognormal(struct vn_dice *, double mean, double deviation);    /* long tail */
double   vn_dice_pareto(struct vn_dice *, double mean, double deviation);       /* longer tail */
vn_nsec  vn_dice_table(struct vn_dice *, const struct vn_table *);

/* The values of an option "distribution", NULL at the end: uniform (mean +- spread), and normal,
 * lognormal, pareto (spread is the standard deviation). */
extern const char *const vn_dice_distributions[];

/* A random time >= 0: from the table if it has rows, else around `mean`. `distribution` is one of
 * those above. */
vn_nsec  vn_dice_time(struct vn_dice *, vn_nsec mean, vn_nsec spread, const char *distribution,
                      const struct vn_table *);

/* ---- messages ---- */

enum vn_direction {
	VN_REQUEST  = 1,                /* from the client to the backend */
	VN_RESPONSE = 2,                /* from the backend to the client */
	VN_BOTH     = 3,
};

enum vn_role {
	VN_ASKS,                        /* a request that opens an exchange; rules decide it */
	VN_AIDS,                        /* a request that opens an exchange for a later one
	                                 * (Bind, Sync); rules leave it alone. A response: to a
	                                 * request of role VN_SILENT; it belongs to no exchange,
	                                 * and rules leave it alone */
	VN_SILENT,                      /* a request without a response, or with one of role
	                                 * VN_AIDS; rules leave it alone */
	VN_GOES_ON,                     /* a request that continues the open exchange, such as
	                                 * the answer to a challenge */
	VN_ANSWERS,                     /* a response to the oldest open exchange */
	VN_PUSH,                        /* a response to nothing: a notice that nobody asked for */
	VN_TELLS,                       /* a request without a response; rules decide it */
	VN_INTERIM,                     /* a response that does not answer the oldest open
	                                 * exchange: the server waits for the client (COPY's G,
	                                 * SMTP's 334), or the answer is still to come (HTTP's
	                                 * 102). It passes; VN_ON_RESPONSE concerns what follows.
	                                 * A piece inside an answer has this role if the client
	                                 * must send before more comes: if a rule discards that
	                                 * answer, the connection ends */
};

/* The kinds of a message, as bits. A failure fits a message if they share a bit. */
enum {
	VN_IS_OPENING   = 1,            /* the server's greeting, which no request precedes. If the
	                                 * server sends none: the first request, and what fits it
	                                 * is sent at accept, before any request */
	VN_IS_LOGIN     = 2,
	VN_IS_COMMAND   = 4,            /* any request after the login */
	VN_IS_STATEMENT = 8,            /* a command that runs a statement */
	VN_IS_READ      = 16,
	VN_IS_WRITE     = 32,
	VN_IS_BEGIN     = 64,
	VN_IS_COMMIT    = 128,
	VN_IS_ROLLBACK  = 256,
	VN_IS_IN_TRANSACTION = 512,     /* no message: an idle connection in an open transaction;
	                                 * see session->idle */
	VN_IS_UNKNOWN   = 1024,         /* the protocol does not know what it does: rules that need
	                                 * READ, WRITE or own bits cannot be decided */
	VN_IS_SETUP     = 2048,         /* a command that sets up or reads the session, as drivers
	                                 * and pools send it (SET NAMES) */
	VN_IS_PRELUDE   = 4096,         /* it is VN_IS_SETUP if it comes before the connection's
	                                 * first command that is neither (BEGIN) */
	VN_IS_OWN       = 1 << 16,      /* this bit and the higher ones belong to the protocol */
};

#define VN_BY_BACKEND (-2)              /* returned by refuse() */
#define VN_NOTE_SUBSTITUTE (1ull << 63) /* in asked->note: the response answers a substitute that
                                         * refuse() wrote */

struct vn_message {
	enum vn_role role;
	unsigned is;                    /* VN_IS_... bits */
	char verb[24];                  /* "QUERY", "GET", with a 0 at its end. SQL protocols
	                                 * have QUERY, EXECUTE, PREPARE, LOGIN, PING */
	struct vn_span subject;         /* "SELECT 1", "/index.html"; empty if it would show a
	                                 * secret */
	struct vn_span bytes;           /* set by the engine for fits() and refuse(): the
	                                 * request, as far as its first piece had it */
	uint16_t head;                  /* bytes of framing at the beginning */
	uint16_t lead;                  /* bytes of blanks and comments at the beginning of the
	                                 * subject; a rule's match ignores them */
	const char *failure;            /* a request that the protocol rejects whatever the rules
	                                 * are: the name of the failure; NULL: none */
	/* A request of role VN_ASKS that follows once the server has agreed to this one, and
	 * that cannot be refused then (a mail after DATA). Rules decide both together. Its bytes
	 * come later, without a message of their own. NULL: none. */
	const struct vn_message *sequel;
	const char *agreed;             /* the name of the failure that answers this request if
	                                 * the sequel is refused */
	uint64_t seq, note;             /* values of the protocol, kept for the response; note
	                                 * has 63 bits */
	/* In response()'s `asked`: refuse() has returned VN_BY_BACKEND for this failure. The answer
	 * is to be edited so that it is that error (cut.replaced), unless it is one by itself. If
	 * it cannot be edited, set session->limit: the answer passes, and the rule's hit is taken
	 * back. NULL: none. */
	const struct vn_failure *struck;
	uint64_t id;                    /* of a request, if vn_protocol.answers: its answer has
	                                 * the same */
};

/* ---- protocols ---- */

enum vn_cut_kind {
	VN_CUT_MORE,                    /* call again with more bytes; a call gets at most 64 KiB */
	VN_CUT_PART,                    /* the first `len` bytes belong to a message that
	                                 * continues; the end of an inner unit if there is one */
	VN_CUT_END,                     /* the first `len` bytes end a message. `len` may exceed
	                                 * the span: the rest is its body */
	VN_CUT_WAIT,                    /* the kind of this request depends on a response: call
	                                 * again when more is answered. Nothing is read until
	                                 * then. Only if session->owed */
	VN_CUT_RAW,                     /* not this protocol: pass all bytes unchanged from here
	                                 * on. session->notice has the reason */
	VN_CUT_TLS,                     /* the first `len` bytes are consumed, `instead` goes out
	                                 * plain on `leg`, and its TLS handshake begins. Then the
	                                 * function is called again; with the same bytes if `len`
	                                 * is 0 */
};

enum {                                  /* the legs of a connection, as bits */
	VN_LEG_CLIENT  = 1,             /* between client and proxy, which is the TLS server */
	VN_LEG_BACKEND = 2,             /* between proxy and backend: the proxy is the TLS client */
};

struct vn_cut {                         /* what request() and response() return */
	enum vn_cut_kind kind;
	uint64_t len;                   /* of VN_CUT_PART and VN_CUT_END. Greater than 0, but a
	                                 * response without bytes may end with 0 */
	bool replaced;                  /* send `instead` in place of these bytes, which must all
	                                 * be in the span */
	struct vn_span instead;         /* valid until the next call: use session->scratch */
	bool back;                      /* of a replaced cut: `instead` goes back to the side that
	                                 * sent these bytes, and nothing passes. With
	                                 * session->close the connection closes behind it */
	bool secret;                    /* of a replaced cut: the bytes have a password, and the
	                                 * engine erases them, and `instead` */
	uint8_t leg;                    /* of VN_CUT_TLS: VN_LEG_... */
	bool eager;                     /* of VN_CUT_TLS: bytes that were read behind these belong
	                                 * to the handshake. Else they are an injection, and the
	                                 * connection closes */
	bool discards;                  /* of VN_CUT_TLS: ... or (true) they are discarded */
};

enum { VN_CODE_MAX = 24 };              /* of a server's error code, with a 0 at its end */

enum {                                  /* what the proxy's options want of TLS, as bits */
	VN_TLS_CLIENT_MAY  = 1,         /* client_tls: clients that ask for TLS get it */
	VN_TLS_CLIENT_MUST = 2,         /* client_tls = require: the others are rejected */
	VN_TLS_BACKEND     = 4,         /* backend_tls */
	VN_TLS_CLIENT_NEVER = 8,        /* besides these: a rule refuses the client's upgrade
	                                 * (vn_tls.refused) */
};

struct vn_report {                      /* set by the protocol, while somebody reads such events */
	size_t given;                   /* by request(): so many of the message's first bytes are
	                                 * others when the same is requested again (sequence
	                                 * numbers, ids). message->head unless it is set */
	uint64_t before;                /* by request(): vn_hash() of parameters that came before
	                                 * the message (Bind); 0: none */
	uint64_t cancels;               /* by request(): the id of the connection whose request
	                                 * this one cancels, see vn_protocol.has_id; 0: none */
	char code[VN_CODE_MAX];         /* by response() and word(): vn_session_error() */
};

enum vn_mapped {                        /* what vn_map_address() returns */
	VN_MAP_SAME,                    /* the address stays */
	VN_MAP_OTHER,                   /* `other` takes its place */
	VN_MAP_HIDE,                    /* the answer leaves that server out, or says that there is
	                                 * none */
};

struct vn_place {                       /* valid until the next call of vn_map_address() */
	struct vn_span host;            /* without brackets; a path: a unix socket */
	unsigned port;                  /* 0: a unix socket */
};

struct vn_session {                     /* a connection as its protocol sees it */
	const struct vn_protocol *self; /* the protocol of this call, for functions that several
	                                 * share */
	void *state;                    /* state_size bytes of both directions, zeroed when the
	                                 * client is accepted */
	const void *opts;               /* the protocol's options, constant */
	struct vn_text_cache *texts;    /* texts of prepared statements */
	struct vn_buffer *scratch;      /* empty at the beginning of each call */
	const char *notice;             /* set by the protocol: a constant sentence for the log,
	                                 * written once per proxy */
	bool close;                     /* set by refuse() or word(): the connection closes after
	                                 * this error, even with VN_STAY. With cut.back: behind
	                                 * these bytes */
	bool owed;                      /* for request(): an earlier request has no response yet */
	bool judged;                    /* for request(): a rule may refuse or spare, so the bits
	                                 * READ, WRITE, SETUP and the own ones are needed */
	const char *limit;              /* set by fits() if only a limit of ours prevents an
	                                 * answer, and by response() if the answer cannot be
	                                 * edited: a constant sentence that names the limit */
	vn_nsec mute;                   /* set by response() that edits an answer (asked->struck):
	                                 * so long nothing more is read of the client, as by a
	                                 * server that throttles it */
	bool no_sequel;                 /* set by response() and word(): the server did not
	                                 * agree, so no sequel follows */
	const char *backend;            /* as configured: "10.0.0.1:80", "unix:/path" */
	unsigned idle;                  /* set by the protocol: VN_IS_... bits of an idle
	                                 * connection, besides VN_IS_COMMAND */
	bool reset;                     /* set by word(): the connection is reset after this
	                                 * error, whatever the failure's `end` is */
	const char *raw;                /* set by response(): all bytes of both sides after this
	                                 * message are raw (they are compressed or encrypted): a
	                                 * constant sentence with the reason */
	struct vn_report *report;       /* what readers of events want to know; NULL: nobody does */
	const char *client;             /* for word(): the client's address without the port,
	                                 * "127.0.0.1" or "2001:db8::1"; "" on a unix socket */
	struct vn_backend_note *backend_note;   /* what earlier connections to this backend noted */
	unsigned tls;                   /* VN_TLS_... bits: what the options want */
	unsigned secure;                /* VN_LEG_... bits: these legs are in TLS by now */
	struct vn_buffer *kept;         /* for secure(): what the client must see of the backend's
	                                 * preamble. response() gets it once TLS is up, or at once
	                                 * after VN_SECURE_LATER */
	const char *alpn;               /* chosen on the client leg; "": none */
	bool bound;                     /* both legs are in TLS with the same certificate */
	bool datagram;                  /* a call is about a whole datagram: see
	                                 * vn_protocol.datagrams */
	/* set by the engine, for vn_map_address(); NULL: no address has another */
	enum vn_mapped (*map)(struct vn_session *, struct vn_span host, unsigned port,
	                      struct vn_place *other);
	/* the same for vn_map_elsewhere() */
	enum vn_mapped (*elsewhere)(struct vn_session *, struct vn_place *other);
};

/* The address under which this client reaches the proxy of the server that calls itself host:port.
 * `host`: a name, an IPv4 or IPv6 address with or without brackets, or the path of a unix socket
 * with port 0. To be called in response() only. */
static inline enum vn_mapped vn_map_address(struct vn_session *t, struct vn_span host,
                                            unsigned port, struct vn_place *other)
{
	return t->map ? t->map(t, host, port, other) : VN_MAP_SAME;
}

/* Where a server of a cluster would send this client: the address of the proxy before another
 * server of it. That is one that this server has named, or that has named this one. If there is
 * none: of any other proxy of this protocol, else of this one. VN_MAP_SAME: there is no map. */
static inline enum vn_mapped vn_map_elsewhere(struct vn_session *t, struct vn_place *other)
{
	return t->elsewhere ? t->elsewhere(t, other) : VN_MAP_SAME;
}

/* In response(): the answer is an error, or has one in it. `code` is the server's own: "1213",
 * "40P01", "503". Of several in one answer the first counts. Call it at any cut of the answer. */
static inline void vn_session_error(struct vn_session *t, const char *code, size_t n)
{
	struct vn_report *r = t->report;

	if (!r || (r->code[0] && n))
		return;
	n = n < VN_CODE_MAX ? n : VN_CODE_MAX - 1;
	for (size_t i = 0; i < n; i++)
		r->code[i] = code[i];
	r->code[n] = 0;
}

/* In word(): the code is not that of the failure; n = 0: the answer is no error. */
static inline void vn_session_worded(struct vn_session *t, const char *code, size_t n)
{
	if (!t->report)
		return;
	t->report->code[0] = 0;
	vn_session_error(t, code, n);
}

/* A hash of bytes, to compare them without keeping them; `before`: that of bytes before them, or
 * 0. */
uint64_t vn_hash(uint64_t before, struct vn_span);

static inline struct vn_cut vn_cut_more(void)
{
	return (struct vn_cut){ .kind = VN_CUT_MORE };
}

/* `notice`: the reason, a constant sentence. */
static inline struct vn_cut vn_cut_raw(struct vn_session *t, const char *notice)
{
	t->notice = notice;
	return (struct vn_cut){ .kind = VN_CUT_RAW };
}

/* Texts of one connection, by numbers of the protocol; 1 MiB at most. The oldest texts go when the
 * room is used up. put() copies the text; what get() returns is valid until the next put(), with
 * n = 0 if there is none. */
void vn_text_cache_put(struct vn_text_cache *, uint64_t key, struct vn_span text);
void vn_text_cache_move(struct vn_text_cache *, uint64_t from, uint64_t to);
void vn_text_cache_drop(struct vn_text_cache *, uint64_t key);
struct vn_span vn_text_cache_get(struct vn_text_cache *, uint64_t key);

/* A number and a name that all connections to one backend share, on all threads. 0 and NULL at
 * first, and again when the proxy gets another backend. The first name that is set stays. */
uint64_t vn_backend_note_get(const struct vn_backend_note *);
void vn_backend_note_set(struct vn_backend_note *, uint64_t);
const char *vn_backend_note_name(const struct vn_backend_note *);
void vn_backend_note_name_set(struct vn_backend_note *, struct vn_span);

enum vn_end {                           /* what happens to a connection */
	VN_STAY,                        /* nothing */
	VN_STALL,                       /* nothing more is read */
	VN_CLOSE,                       /* bytes that are due are sent, then FIN to both sides */
	VN_RESET,                       /* RST to both sides */
	VN_VANISH,                      /* the client gets nothing more, not even from the
	                                 * kernel: no ACK, no FIN, no RST */
};

struct vn_failure {                     /* an error of the real server; a table ends with a row
                                         * without name */
	const char *name;               /* of a-z, 0-9 and _; an outage has the same name in
	                                 * every protocol */
	const char *code;               /* as the server sends it: "1213/40001", "57P01", "503" */
	const char *text;               /* as the server sends it */
	unsigned fits;                  /* VN_IS_... bits: it can answer a message that has one
	                                 * of them */
	unsigned moments;               /* VN_ON_REQUEST; VN_ON_REST: it fits idle connections,
	                                 * see session->idle; 0: for the protocol only */
	enum vn_end end;                /* what the server does to the connection after it */
	uint32_t number;                /* a value of the protocol, such as an errno of MySQL */
	bool by_name;                   /* never drawn, only sent if a rule names it */
	bool no_tls;                    /* of the protocol: the client must use TLS, and does not */
};

struct vn_counterpart { const char *theirs, *ours; };   /* see vn_protocol.counterparts */

enum vn_tls_start {                     /* how TLS begins in a protocol */
	VN_TLS_IMPLICIT,                /* with the first byte */
	VN_TLS_UPGRADE,                 /* after a request in plain text (STARTTLS): VN_CUT_TLS */
	VN_TLS_EITHER,                  /* both are known (PostgreSQL): the first byte tells */
};

enum vn_secure {                        /* what secure() returns */
	VN_SECURE_MORE,                 /* send `backend`, and call again with more bytes */
	VN_SECURE_START,                /* send `backend`, and begin the handshake; bytes left
	                                 * over are a failure */
	VN_SECURE_NONE,                 /* the backend has no TLS: the connection is reset.
	                                 * session->notice has the reason */
	VN_SECURE_LATER,                /* request() does it, by VN_CUT_TLS */
};

struct vn_protocol {
	uint32_t abi;                   /* VAURIEN_ABI */
	const char *name;               /* of a-z, 0-9 and _ */
	const char *help;               /* one sentence without a full stop */
	const struct vn_opt *options;   /* NULL: none */
	size_t opts_size;               /* of the options struct */
	size_t state_size;              /* of session->state */
	bool server_first;              /* the server sends a greeting first: it is exchange 0 */
	bool login;                     /* connections begin with a login, an exchange that
	                                 * VN_IS_LOGIN */

	/* Cut the bytes at hand. Both NULL: the stream has no messages, and an exchange is a turn.
	 * A call that returns VN_CUT_PART or VN_CUT_END for the first piece of a message fills in
	 * *message. `asked`: the request of the oldest open exchange; NULL: there is none. */
	struct vn_cut (*request)(struct vn_session *, struct vn_span, struct vn_message *);
	struct vn_cut (*response)(struct vn_session *, struct vn_span,
	                          const struct vn_message *asked, struct vn_message *);

	/* The errors of the server; NULL: none. Then refuse() and word() are not needed. */
	const struct vn_failure *failures;

	/* Names for lists ("look-ups") of the bits from VN_IS_OWN on; ends with NULL. */
	const char *const *own;

	/* The VN_IS_... bits that its requests can have, of READ, WRITE, BEGIN, COMMIT, LOGIN and
	 * COMMAND: a rule's `kind` may name these. 0: any of them. */
	unsigned kinds;

	/* What it cannot know, in sentences for the docs; ends with NULL. NULL: nothing. */
	const char *const *limits;

	/* Another tool's options and what they are called here, for the docs; ends with a row
	 * without `theirs`, whose `ours` names the tool. NULL: none. */
	const struct vn_counterpart *counterparts;

	/* Can this failure answer this message? The engine calls it if their bits fit, before it
	 * counts anything. It must not change the state. NULL: it can. */
	bool (*fits)(struct vn_session *, const struct vn_message *, const struct vn_failure *);

	/* Write a substitute for the request to `backend`. It leaves the server in the state that
	 * the real error would leave. Returns the number of responses to it, which the engine
	 * discards. 0: nothing is sent to the backend. VN_BY_BACKEND: the response is the error
	 * itself, or response() edits it (message->struck), and it passes; the request goes on as
	 * it is if nothing is written. Another negative number: it failed, and the connection
	 * closes after the error. */
	int  (*refuse)(struct vn_session *, const struct vn_message *, const struct vn_failure *,
	               struct vn_buffer *backend);

	/* A rule discards the request that request() has just described. NULL: not needed. */
	void (*dropped)(struct vn_session *, const struct vn_message *);

	/* No more requests follow: write what makes the server send responses that it keeps back
	 * until the next request. NULL: it keeps none back. */
	void (*flush)(struct vn_session *, struct vn_buffer *backend);

	/* Write the error to `client`, when it is its turn. `asked` NULL: to an idle connection. */
	void (*word)(struct vn_session *, const struct vn_message *asked,
	             const struct vn_failure *, struct vn_buffer *client);

	/* Is this the connection that a request means whose report->cancels is that id? NULL: no
	 * request cancels another connection's. */
	bool (*has_id)(const void *state, uint64_t id);

	/* The connection is gone, and its state is about to be freed. NULL: not needed. */
	void (*forget)(void *state);

	/* Names for ALPN, the preferred one first; ends with NULL. NULL: none. */
	const char *const *alpn;
	enum vn_tls_start tls_start;

	/* The preamble of the backend leg, before its handshake: called with no bytes when the
	 * backend is connected, then with all that it has sent so far. Write to `backend` what
	 * is to be sent. NULL: the handshake begins at once. */
	enum vn_secure (*secure)(struct vn_session *, struct vn_span from_backend,
	                         struct vn_buffer *backend);

	/* What a server without TLS says to a ClientHello; p NULL: random bytes. */
	struct vn_span plain_answer;

	bool transactions;              /* session->idle has VN_IS_IN_TRANSACTION behind each answer
	                                 * that leaves one open */
	bool quoted_names;              /* double quotes enclose names, not texts */
	bool names_servers;             /* its answers name servers: of a raw connection, where they
	                                 * pass, that is told */

	/* Answers come in any order. Does the response that begins here answer this open request,
	 * by its id and what else it repeats? The engine calls this for each, the oldest first, and
	 * response() gets the one as `asked`. False: it does not, or more bytes are needed. NULL:
	 * answers come in the order of requests. */
	bool (*answers)(struct vn_session *, struct vn_span, const struct vn_message *asked);

	/* It reads datagrams, too: a proxy on udp:// may have it. With session->datagram a call
	 * gets a whole one. A cut of another length, or of another kind than VN_CUT_END, means
	 * that the datagram is not understood: it passes. */
	bool datagrams;
	bool with_tcp;                  /* a proxy on udp:// listens on TCP at that port, too */
	vn_nsec quiet;                  /* datagrams: silence that ends a session; 0: 60 s */
};

/* ---- SQL: what a statement does, by its words; for all protocols that speak SQL ----
 *
 * Texts are taken apart as the server does it: comments, strings and quoted names hide their
 * words. One pass reads at most VN_SQL_TEXT_MAX bytes of a text, VN_SQL_DEPTH_MAX texts inside one
 * another (EXECUTE of a prepared one), VN_SQL_NESTED_MAX statements inside one another (EXPLAIN of
 * another), and VN_SQL_STATEMENTS_MAX in all. What is beyond is VN_IS_UNKNOWN. */

enum {
	VN_SQL_TEXT_MAX = 16384,
	VN_SQL_DEPTH_MAX = 4,
	VN_SQL_NESTED_MAX = 32,
	VN_SQL_STATEMENTS_MAX = 128,
};

enum {                                  /* bits of vn_sql_keyword.how */
	VN_SQL_QUERY     = 1 << 0,      /* the words inside it count: see VN_SQL_INSIDE */
	VN_SQL_WITH      = 1 << 1,      /* a QUERY whose statement follows its names and their
	                                 * brackets */
	VN_SQL_INSIDE    = 1 << 2,      /* words inside a statement; the first row that matches
	                                 * counts */
	VN_SQL_BRACKETED = 1 << 3,      /* INSIDE: where a bracket of a WITH opens */
	VN_SQL_TOP       = 1 << 17,     /* INSIDE: outside brackets only */
	VN_SQL_OF_TABLE  = 1 << 4,      /* INSIDE: if it names a table that is not temporary.
	                                 * QUERY: the name of a table follows */
	VN_SQL_ALLOWED   = 1 << 5,      /* the bits `own` do not count if its @ is a temporary
	                                 * table */
	VN_SQL_TEMPORARY = 1 << 6,      /* its @ is a temporary table from now on ... */
	VN_SQL_DROPS     = 1 << 7,      /* ... until this statement */
	VN_SQL_PREFIX    = 1 << 8,      /* a statement follows */
	VN_SQL_EXPLAINS  = 1 << 9,      /* PREFIX: it runs only with ANALYZE */
	VN_SQL_ANALYZES  = 1 << 10,     /* PREFIX: it runs */
	VN_SQL_PREPARES  = 1 << 11,     /* the statement or string that follows is stored under
	                                 * the name @ ... */
	VN_SQL_EXECUTES  = 1 << 12,     /* ... and this one runs it */
	VN_SQL_IMMEDIATE = 1 << 13,     /* a string follows, and runs */
	VN_SQL_FORGETS   = 1 << 14,     /* the name @ is no longer stored */
	VN_SQL_COPIES    = 1 << 15,     /* a query in brackets, or @ with TO (it reads) or FROM */
	VN_SQL_LATER     = 1 << 16,     /* a PREFIX whose functions are called later (a cursor).
	                                 * INSIDE: such a function */
};

struct vn_sql_keyword {
	/* In order: "A|B": either word; "?A": an optional word; "*A|B": any number of them; "..":
	 * anything before the next word, brackets as one; "@": a name, of which the last part
	 * counts; "(": a bracket. Words in small letters may be quoted. */
	const char *words;
	unsigned is;                    /* VN_IS_... bits */
	unsigned how;                   /* VN_SQL_... bits */
	const char *tag;                /* the server's name for it */
};

struct vn_sql {                         /* a dialect */
	const struct vn_sql_keyword *keywords;  /* rows with INSIDE first, then rows with QUERY,
	                                         * then others; ends with a row without words */
	size_t (*comment)(struct vn_span);      /* the length of the comment at the beginning; 0:
	                                         * there is none */
	bool backslash;                 /* it escapes in every string; else only in E'' */
	bool dollar;                    /* $tag$ quotes a string */
	const char *names;              /* which of ' " ` quote names; the others quote strings */
	unsigned own;                   /* bits that say what is forbidden: EXPLAIN has those of
	                                 * the statement it explains ... */
	bool explains;                  /* ... even if that one does not run */
	unsigned prepares;              /* those of `own` that PREPARE has of its statement */
};

struct vn_sql_deed {
	unsigned is;                    /* VN_IS_... bits */
	unsigned row;                   /* the row of the keywords plus 1: the first forbidden
	                                 * one, else the first; 0: none */
};

/* All that the statements of *text do; only the first one unless session->judged. The session's
 * texts keep what is prepared and what is temporary. Afterwards *text may be another copy. */
struct vn_sql_deed vn_sql_judge(struct vn_session *, const struct vn_sql *, struct vn_span *text);

/* The server does not get the text after all. */
void vn_sql_undo(struct vn_session *, const struct vn_sql *, struct vn_span text);

/* Is it one statement, SELECT of one of these ("@@", "VERSION(")? `what` ends with NULL. */
bool vn_sql_selects(struct vn_span text, size_t (*comment)(struct vn_span),
                    const char *const *what);

/* For message.lead: the bytes of blanks and comments at the beginning. */
uint16_t vn_sql_lead(struct vn_span text, size_t (*comment)(struct vn_span));

/* The key in the text cache; `of` is 'S' for a statement, 'T' for a temporary table. */
uint64_t vn_sql_key(uint8_t of, struct vn_span name);

/* ---- RSA, for passwords that cross a leg without TLS (MySQL's caching_sha2_password) ----
 *
 * RSA-OAEP with SHA-1. Both return the length of what they write to `to`; 0: it failed. Passwords
 * are in memory of the caller, who overwrites them with vn_cleanse(). */

size_t vn_rsa_seal(uint8_t *to, size_t room, struct vn_span public_pem, struct vn_span plain);
size_t vn_rsa_open(uint8_t *to, size_t room, struct vn_span sealed);    /* by our own key */
struct vn_span vn_rsa_public(void);     /* our public key in PEM; n = 0: there is none */
void vn_cleanse(void *, size_t n);       /* zeroes them, which no compiler leaves out */

/* ---- behaviors ---- */

/* When the engine calls act(). */
enum vn_moment {
	VN_ON_OPEN     = 1,             /* connection and rule meet: at accept, before the
	                                 * backend is connected, or when the rule is set */
	VN_ON_REQUEST  = 2,             /* a request's first piece. Also that of a response
	                                 * without a request, such as a greeting: then hold,
	                                 * pace, fate and end concern that response */
	VN_ON_RESPONSE = 4,             /* a response's first piece */
	VN_ON_DATA     = 8,             /* each piece of either direction, in the order of the
	                                 * stream */
	VN_ON_REST     = 16,            /* nothing is owed or held, the client is logged in, both
	                                 * sides are between messages. `after`: additional idle
	                                 * time, which any byte cancels */
	VN_ON_END      = 32,            /* the end of a stream, after its last byte */
	VN_ON_LEAVE    = 64,            /* the rule is removed from an open connection, not
	                                 * merely changed; only `end` counts */
	/* The rule is in force on the listening socket; only `end` counts: VN_CLOSE refuses
	 * clients, VN_VANISH leaves them unanswered. Only for rules without probability, match,
	 * kind, client and counters; nothing is counted. */
	VN_ON_LISTEN   = 128,
	VN_ON_HELLO    = 256,           /* the client's ClientHello has been read, and nothing is
	                                 * answered; once per handshake of the client leg. Only
	                                 * `tls` of the verdict counts. `match` finds "HELLO name
	                                 * alpn", "-" for what is missing */
};

struct vn_hello {                       /* a ClientHello */
	const char *name;               /* of the server (SNI), checked; "": none */
	const char *alpn;               /* "h2,http/1.1"; "": none */
	unsigned lowest, highest;       /* versions offered: 0x0301 (1.0) to 0x0304 (1.3) */
	bool resumes;                   /* it has a ticket */
};

enum vn_tls_place {                     /* how far a handshake gets */
	VN_TLS_AT_NONE,                 /* all of it */
	VN_TLS_AT_UPGRADE,              /* the request for TLS is not answered */
	VN_TLS_AT_CLIENT_HELLO,         /* nothing is answered to the ClientHello */
	VN_TLS_AT_SERVER_HELLO,         /* that record only */
	VN_TLS_AT_FINISHED,             /* all but the last record of the server's flight */
};

/* The names of the last four, for an option; they end with NULL. */
extern const char *const vn_tls_places[];
enum vn_tls_place vn_tls_place_of(const char *name);    /* VN_TLS_AT_NONE: no such place */

/* For the `check` of an option. A file is read at once, and shown as it was then. */
bool vn_tls_certificate_check(const char *file, char *why, size_t room);
bool vn_tls_ciphers_check(const char *list, char *why, size_t room);

/* How a handshake is broken; all zero: it is not. A text of NULL: that part is left alone. Texts
 * are constant, or those of the rule's options. */
struct vn_tls {
	const char *flaw;               /* of the certificate: one of the CA's flaws */
	const char *file;               /* a certificate and its key, PEM */
	enum vn_tls_place stall;        /* silence from there on */
	enum vn_tls_place late;         /* `hold` is counted there */
	vn_nsec hold;                   /* VN_NEVER: until the rule is removed */
	const char *alert;              /* a fatal alert, its name in RFC 8446 */
	enum vn_tls_place breaks;       /* `end` happens there */
	enum vn_end end;                /* VN_CLOSE or VN_RESET */
	unsigned only;                  /* the only version: 0x0301 to 0x0304; 0: any */
	const char *ciphers;            /* the only ciphers; "": none that the client offers */
	const char *alpn;               /* chosen whatever was offered; "": none is chosen */
	bool alpn_refused;              /* no_application_protocol */
	bool demand;                    /* a client certificate is demanded */
	const char *reject;             /* the alert for the client's certificate */
	bool refused;                   /* the upgrade is refused */
	bool plain;                     /* plain text in place of TLS */
	bool forget;                    /* earlier tickets are worthless */
	bool truncate;                  /* the stream to the client ends without close_notify ... */
	uint64_t after;                 /* ... behind so many plain bytes; 0: where it ends */
	const char *corrupt;            /* one record is spoilt: its "mac", "length" or "type";
	                                 * NULL: none */
	uint64_t nth;                   /* which one of those with data, from 1 ... */
	enum vn_direction corrupted;    /* ... that leave (VN_RESPONSE) or arrive (VN_REQUEST) */
};

struct vn_event {                       /* what act() gets */
	const struct vn_behavior *self; /* the behavior of this call, for functions that several
	                                 * share */
	uint64_t rule;                  /* the rule's id; a change of its options gives it a new
	                                 * one */
	enum vn_moment moment;
	enum vn_direction direction;
	const struct vn_message *msg;   /* at VN_ON_RESPONSE the request, with the `head` of the
	                                 * response. NULL at VN_ON_OPEN, VN_ON_REST, VN_ON_END,
	                                 * VN_ON_LEAVE, VN_ON_LISTEN, and inside raw bytes */
	const void *opts;               /* the rule's options, constant */
	void *state;                    /* state_size bytes for this rule and connection, zeroed
	                                 * at first; none at VN_ON_LISTEN */
	struct vn_dice *dice;           /* NULL at VN_ON_LISTEN */
	vn_nsec age;                    /* since the rule was set */
	uint64_t connection, exchange;  /* numbers; connections count from 1, requests from 1 */
	uint64_t passed;                /* bytes that passed in this direction since rule and
	                                 * connection met; a change of options does not reset it */
	uint8_t *data;                  /* the bytes at hand, which act() may edit in place */
	size_t len;                     /* of data; 0 at VN_ON_RESPONSE if the response is an
	                                 * error of our own */
	bool words;                     /* the protocol has failures */
	bool interim;                   /* VN_ON_DATA: the bytes are not part of an answer: they
	                                 * have the role VN_INTERIM or VN_AIDS */
	bool datagram;                  /* `data` is a whole datagram; at VN_ON_LISTEN: the socket
	                                 * is one for datagrams */
	const struct vn_hello *hello;   /* at VN_ON_HELLO; else NULL */
};

enum vn_fate {                          /* what happens to the bytes */
	VN_PASS,
	VN_DROP,                        /* they are discarded */
	VN_REPLY,                       /* the request is refused, with an error of the protocol */
};

struct vn_pace {                        /* how fast bytes leave */
	uint64_t rate;                  /* bytes a second; 0: no limit */
	size_t piece, vary;             /* they leave in pieces of piece +- vary bytes, at least
	                                 * 1; piece 0: as they arrive */
	vn_nsec gap;                    /* between two pieces */
};

struct vn_dirt {                        /* how bytes are spoilt */
	size_t junk;                    /* random bytes to insert */
	size_t at;                      /* their offset in the first piece */
	unsigned flips;                 /* bits to flip, at random places of these bytes */
	bool edited;                    /* act() has edited event->data */
};
#define VN_MIDDLE SIZE_MAX              /* of dirt.at: the middle of the first piece */

struct vn_behind {                      /* how a datagram loses its place */
	unsigned others;                /* it waits until so many have passed it; 0: it does not */
	vn_nsec wait;                   /* but no longer than this */
};

struct vn_verdict {                     /* set by act(); all zero at first, but keep is VN_ALL */
	enum vn_fate fate;
	const char *failure;            /* of VN_REPLY: its name; NULL: drawn among those that
	                                 * leave the connection usable */
	size_t keep;                    /* bytes of the message that pass; at VN_ON_DATA, of this
	                                 * piece */
	vn_nsec hold;                   /* delay, counted from the arrival of the bytes */
	struct vn_pace pace;
	struct vn_dirt dirt;
	enum vn_end end;
	vn_nsec after;                  /* of `end`. 0: in turn, when all bytes before it are
	                                 * answered and sent. Else a timer of the rule, from now;
	                                 * set again, the earlier time counts, but at VN_ON_DATA
	                                 * the new one */
	/* Of datagrams only: */
	unsigned copies;                /* so many more like it are sent */
	struct vn_behind behind;
	bool in_order;                  /* with `hold`: not before those held in order before it */
	size_t queue;                   /* with `pace`: bytes that may wait for the line; beyond
	                                 * that they are dropped; 0: as many as --hold-max */
	struct vn_tls *tls;             /* at VN_ON_HELLO, and at VN_ON_OPEN for what strikes
	                                 * before: zeroed, to be filled in; else NULL */
};

enum vn_group {                         /* where --list and docs/behaviors.md show a behavior */
	VN_GROUP_NONE,                  /* others */
	VN_GROUP_TIME,                  /* messages or bytes are late */
	VN_GROUP_ERRORS,                /* requests get errors of the server */
	VN_GROUP_CONNECTION,            /* connections end, or nothing passes on them */
	VN_GROUP_BYTES,                 /* bytes are changed, missing or cut off */
	VN_GROUP_RATE,                  /* bytes are slow, or come in pieces */
	VN_GROUP_TLS,                   /* handshakes and records of TLS are broken */
};

enum {                                  /* the traits of a behavior, as bits */
	VN_TRAIT_WHOLE = 1,             /* it applies to connections: it is drawn once for each,
	                                 * unless the rule has per = exchange */
	VN_TRAIT_LINE  = 2,             /* its pace.rate can be one for all connections: rules
	                                 * may have share = proxy */
	VN_TRAIT_REFUSES = 4,           /* it may refuse, though it has neither `failure` nor an
	                                 * option of the type VN_OPT_FAILURE */
	VN_TRAIT_SPARES = 8,            /* logins and VN_IS_SETUP pass, so that clients can
	                                 * connect, unless the rule has a match or names a
	                                 * failure */
	VN_TRAIT_NEW    = 16,           /* it applies to new connections: users are warned if some
	                                 * are open */
	VN_TRAIT_DATAGRAMS = 32,        /* it makes sense on datagrams: proxies on udp:// may have
	                                 * it ... */
	VN_TRAIT_ONLY_DATAGRAMS = 64,   /* ... and no others */
	VN_TRAIT_CLOSES_PORT = 128,     /* on datagrams it closes the port, for all clients */
	VN_TRAIT_UPGRADE = 256,         /* it strikes at VN_ON_OPEN, by verdict->tls, clients that
	                                 * will ask for TLS. A behavior that has VN_ON_HELLO, too,
	                                 * does so where its option `at` is "upgrade" */
};

struct vn_behavior {
	uint32_t abi;                   /* VAURIEN_ABI */
	const char *name;               /* of a-z, 0-9 and _ */
	const char *help;               /* one sentence without a full stop */
	const struct vn_opt *options;   /* NULL: none. No name of a field of rules */
	size_t opts_size;               /* of the options struct */
	size_t state_size;              /* of event->state */
	unsigned on;                    /* VN_ON_... bits: when act() is called */
	enum vn_direction direction;    /* that it acts on unless the rule has one; 0: both */
	void (*act)(const struct vn_event *, struct vn_verdict *);
	void (*forget)(void *state);    /* the state is about to be freed; NULL: not needed */
	unsigned traits;                /* VN_TRAIT_... bits */
	const char *failure;            /* the only one that it sends: a protocol without it
	                                 * cannot have this behavior. NULL: any, or none */
	enum vn_group group;
	const char *example;            /* one line, arguments of `vaurienctl set-behavior`, its
	                                 * name first; NULL: none */
	const char *sees;               /* what the client sees, without a full stop; NULL: not
	                                 * known */
	const char *needs;              /* options, with blanks between them: users are warned if
	                                 * all are 0, false or not given; NULL: none */
	const char *without;            /* the effect then: "nothing is late" */
};

/* Refuse the request with a failure of the protocol; `failure` NULL: one is drawn. Without failures
 * in the protocol, replace the response by 1000 random bytes. With `spoil`, insert 100 random bytes
 * in its middle instead. Call it at VN_ON_REQUEST, VN_ON_RESPONSE and VN_ON_REST. */
static inline void vn_verdict_refuse(const struct vn_event *e, const char *failure, bool spoil,
                                     struct vn_verdict *v)
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

/* At VN_ON_DATA: let `left` more bytes pass, then end the connection. */
static inline void vn_verdict_limit(const struct vn_event *e, uint64_t left, enum vn_end end,
                                    struct vn_verdict *v)
{
	if (e->len < left)
		return;
	v->keep = e->len == left ? VN_ALL : (size_t)left;
	v->end = end;
}

/* ---- registration: one line at the end of a guest's file ---- */

/* Call these before main, or while the plugin is loaded; in the main thread. The struct is not
 * copied. A name that is in use, or a faulty table, is reported when all guests are registered. */
void vn_behavior_announce(const struct vn_behavior *);
void vn_protocol_announce(const struct vn_protocol *);

/* VN_BEHAVIOR(delay, .help = "...", .act = act): defines and announces the behavior "delay". */
#define VN_BEHAVIOR(id, ...) \
	static const struct vn_behavior behavior_##id = { \
		.abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ \
	}; \
	__attribute__((constructor)) static void behavior_##id##_announce(void) \
	{ \
		vn_behavior_announce(&behavior_##id); \
	}

#define VN_PROTOCOL(id, ...) \
	static const struct vn_protocol protocol_##id = { \
		.abi = VAURIEN_ABI, .name = #id, __VA_ARGS__ \
	}; \
	__attribute__((constructor)) static void protocol_##id##_announce(void) \
	{ \
		vn_protocol_announce(&protocol_##id); \
	}

#endif
