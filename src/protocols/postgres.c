/* postgres.c - PostgreSQL: where messages end, what a request does, its errors.
 *
 * A client begins with packets without a type: it asks for encryption (the answer is one byte),
 * asks to cancel another connection's statement, or logs in. Then all bytes are messages: type
 * (1 byte), length (4 bytes, high first, including itself), body.
 *
 *   simple     Query, FunctionCall                       ->  ... ReadyForQuery
 *   extended   Parse Bind Describe Close ... Execute     ->  one answer each, in order
 *              Sync                                      ->  ReadyForQuery
 *
 * An error in the extended protocol answers its message; the server skips all messages up to the
 * Sync. Rules apply to what runs a statement: Query, FunctionCall, Execute. The others pass with
 * their answers, which the server may keep back for long.
 *
 * A refused request is replaced by one that the server itself refuses, so the transaction really
 * fails. COMMIT is replaced by ROLLBACK, because a COMMIT that fails ends its transaction. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "vaurien.h"

enum {
	HEAD = 5,                       /* type and length */
	STARTUP_HEAD = 8,               /* length and code */
	STARTUP_MAX = 10000,            /* the server takes no longer one */
	BODY_MAX = 0x7fffffff,
	SUBJECT_MAX = 16384,            /* bytes of a statement that are looked at */
	NAMES_MAX = 512,                /* bytes of a message in which its names must end */
	ERROR_MAX = 4096,               /* bytes of an error that are looked at */
	/* bytes of a parameter's name and value that are looked at */
	PARAMETER_PEEK = 32,
	/* bytes that are waited for while somebody reads events: of parameters, of a code, of a
	 * key for cancel requests */
	GIVEN_MAX = 60000, CODE_PEEK = 100, KEY_PEEK = 260,
	SASL_PEEK = 4096,               /* bytes of a list of mechanisms */
};

/* in the text cache, who logs in, and where to; statements' keys are hashes */
enum { LOGIN_KEY = 1, DATABASE_KEY = 2, LOGIN_MAX = 512 };

enum { CANCEL = 80877102, WANTS_TLS, WANTS_GSS };       /* codes where a version would be */

/* message.note: what asked (the type of its message, or LOGIN, or ENCRYPTION), and a number: of a
 * Sync its own, of a statement the row of its keyword: of the statement that is forbidden, where
 * one is, of a login the length of the user's name. message.seq: so many Parse, Bind, Describe and
 * Close came before it. Only the simple protocol and Sync need that: an error before an Execute is
 * its own as well, since it ends the unit of both. */
enum { NOTE_KIND = 0xff, NOTE_NUMBER_SHIFT = 8 };
enum { LOGIN = 1, ENCRYPTION = 2 };

enum { SASL = 10 };             /* code of the list of mechanisms */

struct postgres_opts { const char *tls; };

struct postgres {                       /* one connection */
	bool started;                   /* the client has logged in: no more packets without type */
	bool asked_encryption;          /* ... it asked for that and waits */
	bool encrypted;
	bool upgraded;                  /* the client's TLS began by its request */
	/* of the latest ReadyForQuery: Idle, in a Transaction, in a failed one: E */
	char status;

	/* requests */
	bool worked;                    /* a statement was no set-up of the session */
	bool unit;                      /* extended messages that no Sync has followed yet ... */
	/* ... one of which is refused: the server skips what follows it */
	bool failed;
	/* whose text the portal without name runs: its statement's key */
	uint64_t bound;
	uint64_t syncs;                 /* so many so far ... */
	uint64_t copied;                /* ... and up to the latest message of COPY data */
	uint64_t aided;                 /* so many Parse, Bind, Describe, Close so far ... */
	uint64_t aided_copied;          /* ... and up to the latest message of COPY data */

	/* answers */
	bool answering;                 /* one is under way */
	bool skipping;                  /* an error: nothing is answered up to the Sync */
	bool copying;                   /* a statement takes COPY data */
	/* the last Sync that was lost in a COPY: there the server ignores it */
	uint64_t ignored;
	uint64_t aid_answered;          /* so many of `aided` are answered, or skipped */
	bool refused;                   /* the server did refuse the substitute */

	/* for readers of events */
	uint64_t key;                   /* vn_hash() of the key to cancel it by; 0: unknown */
	uint64_t given;                 /* vn_hash() of the parameters of the latest Bind */
	char code[8];                   /* of the latest error */
};

static const char
	RAW_TLS[] = "TLS begins",
	RAW_EARLY[] = "the client sent bytes before it knew whether all is encrypted",
	RAW_STARTUP[] = "the first packet is not understood",
	RAW_VERSION[] = "an old version of the protocol is in use",
	RAW_REQUEST[] = "an unknown request",
	RAW_ANSWER[] = "the server's answer is not understood",
	RAW_UNASKED[] = "the server sent what no request waits for", RAW_BOTH[] = "replication",
	NOT_ENCRYPTED[] =
		"clients that want TLS get the answer that there is none, since Vaurien must read "
		"requests (--protocol-postgres-tls pass leaves the answer to the server)",
	TWICE[] = "a client asked for encryption inside TLS",
	NO_ALPN[] = "a client began with TLS at once, without the ALPN postgresql: PostgreSQL "
		    "takes no such connection",
	NO_TLS[] = "the backend has no TLS: it answered N to SSLRequest",
	TLS_ERROR[] = "the backend has no TLS: it answered SSLRequest by an error",
	TLS_MORE[] = "the backend sent more than its answer to SSLRequest, before TLS",
	UNBOUND[] = "SCRAM's channel binding cannot work, as the two legs have different "
		    "certificates: give client_tls_cert and client_tls_key the server's own, let "
		    "clients set channel_binding=disable, or leave backend_tls off";

static const char *const alpn[] = { "postgresql", NULL };

/* ---- bytes ---- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct packet {                         /* n bytes of its body of len are at hand */
	uint8_t type;
	bool bad;
	uint32_t len;
	const uint8_t *p; size_t n;
};

static bool packet_read(struct packet *k, struct vn_span in, uint64_t at)
{
	if (at >= in.n || in.n - at < HEAD)
		return false;
	uint32_t length = be32(in.p + at + 1);
	size_t n = in.n - at - HEAD;
	k->type = in.p[at];
	k->bad = length < 4 || length > BODY_MAX;
	k->len = k->bad ? 0 : length - 4;
	k->p = in.p + at + HEAD;
	k->n = n < k->len ? n : k->len;
	return true;
}

/* so many bytes, or all there are */
static bool packet_has(const struct packet *k, size_t n)
{
	return k->n >= (n < k->len ? n : k->len);
}

static uint64_t packet_size(const struct packet *k)
{
	return HEAD + (uint64_t)k->len;
}

/* A string, without the zero that ends it; *in is behind it then. False: it does not end. */
static bool string_take(struct vn_span *in, struct vn_span *string)
{
	const uint8_t *nul = in->n ? memchr(in->p, 0, in->n) : NULL;

	if (!nul)
		return false;
	*string = (struct vn_span){ in->p, (size_t)(nul - in->p) };
	*in = (struct vn_span){ nul + 1, in->n - string->n - 1 };
	return true;
}

static struct vn_span text_of(struct vn_span in)      /* up to its zero, and not too much of it */
{
	size_t n = in.n < SUBJECT_MAX ? in.n : SUBJECT_MAX;

	return (struct vn_span){ in.p, n ? strnlen((const char *)in.p, n) : 0 };
}

static struct vn_cut whole(uint64_t len)
{
	return (struct vn_cut){ .kind = VN_CUT_END, .len = len };
}

static unsigned kind_of(const struct vn_message *asked) { return asked->note & NOTE_KIND; }
static bool is_substitute(const struct vn_message *asked)
{
	return asked->note & VN_NOTE_SUBSTITUTE;
}

static uint64_t number_of(const struct vn_message *asked)
{
	return (asked->note & ~VN_NOTE_SUBSTITUTE) >> NOTE_NUMBER_SHIFT;
}

/* ---- SQL ---- */

/* What it is besides: what a read-only transaction refuses, and what only waits for locks. */
enum {
	IS_FORBIDDEN = VN_IS_OWN << 0,
	IS_LOCKING = VN_IS_OWN << 1,
	WRITES = VN_IS_WRITE | IS_FORBIDDEN
};

static const char *const own[] = { "what read-only forbids", "locks", NULL };

/* All that can be done to an object: it is one word of the server's, whatever stands between. */
#define OBJECT(words, tag) \
	{ "CREATE " words, WRITES, 0, "CREATE " tag }, \
	{ "ALTER " words, WRITES, 0, "ALTER " tag }, \
	{ "DROP " words, WRITES, 0, "DROP " tag }
#define TEMP "*OR|REPLACE|GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|RECURSIVE|TRUSTED|PROCEDURAL|" \
	"CONSTRAINT|UNIQUE|DEFAULT "

static const struct vn_sql_keyword keywords[] = {
	{ "INTO", WRITES, VN_SQL_INSIDE | VN_SQL_TOP, "SELECT INTO" },
	{ "FOR UPDATE", IS_FORBIDDEN | IS_LOCKING, VN_SQL_INSIDE | VN_SQL_OF_TABLE,
	  "SELECT FOR UPDATE" },
	{ "FOR NO KEY UPDATE", IS_FORBIDDEN | IS_LOCKING, VN_SQL_INSIDE | VN_SQL_OF_TABLE,
	  "SELECT FOR NO KEY UPDATE" },
	{ "FOR SHARE", IS_FORBIDDEN | IS_LOCKING, VN_SQL_INSIDE | VN_SQL_OF_TABLE,
	  "SELECT FOR SHARE" },
	{ "FOR KEY SHARE", IS_FORBIDDEN | IS_LOCKING, VN_SQL_INSIDE | VN_SQL_OF_TABLE,
	  "SELECT FOR KEY SHARE" },
	{ "INSERT|UPDATE|DELETE|MERGE", WRITES, VN_SQL_INSIDE | VN_SQL_BRACKETED, "SELECT" },
	{ "nextval (", WRITES, VN_SQL_INSIDE | VN_SQL_LATER, "nextval()" },
	{ "setval (", WRITES, VN_SQL_INSIDE | VN_SQL_LATER, "setval()" },

	{ "SELECT version|current_schema|current_database|set_config|current_setting (",
	  VN_IS_READ | VN_IS_SETUP, VN_SQL_QUERY, "SELECT" },
	{ "SELECT pg_backend_pid|pg_is_in_recovery|pg_advisory_unlock_all (",
	  VN_IS_READ | VN_IS_SETUP, VN_SQL_QUERY, "SELECT" },
	{ "SELECT", VN_IS_READ, VN_SQL_QUERY, "SELECT" },
	{ "INSERT INTO @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED, "INSERT" },
	{ "UPDATE ?ONLY @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED, "UPDATE" },
	{ "DELETE FROM ?ONLY @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED, "DELETE" },
	{ "MERGE INTO ?ONLY @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED, "MERGE" },
	{ "INSERT", WRITES, VN_SQL_QUERY, "INSERT" },
	{ "UPDATE", WRITES, VN_SQL_QUERY, "UPDATE" },
	{ "DELETE", WRITES, VN_SQL_QUERY, "DELETE" },
	{ "MERGE", WRITES, VN_SQL_QUERY, "MERGE" },
	{ "WITH ?RECURSIVE", VN_IS_READ, VN_SQL_QUERY | VN_SQL_WITH, "SELECT" },
	{ "VALUES", VN_IS_READ, VN_SQL_QUERY, "SELECT" },
	{ "TABLE", VN_IS_READ, VN_SQL_QUERY | VN_SQL_OF_TABLE, "SELECT" },
	{ "CALL", VN_IS_WRITE, VN_SQL_QUERY },

	{ "SHOW", VN_IS_READ | VN_IS_SETUP },
	{ "FETCH", VN_IS_READ },
	{ "MOVE", VN_IS_READ },
	{ "EXPLAIN", VN_IS_READ, VN_SQL_EXPLAINS },
	{ "DECLARE .. FOR", VN_IS_READ, VN_SQL_PREFIX | VN_SQL_LATER },
	{ "DECLARE", VN_IS_READ },
	{ "COPY", WRITES, VN_SQL_COPIES, "COPY FROM" },
	{ "BEGIN", VN_IS_BEGIN | VN_IS_PRELUDE },
	{ "START TRANSACTION", VN_IS_BEGIN | VN_IS_PRELUDE },
	{ "COMMIT PREPARED", 0 },
	{ "COMMIT", VN_IS_COMMIT | VN_IS_PRELUDE },
	{ "END", VN_IS_COMMIT | VN_IS_PRELUDE },
	{ "ROLLBACK ?WORK|TRANSACTION TO|PREPARED", 0 },
	{ "ROLLBACK", VN_IS_ROLLBACK | VN_IS_PRELUDE },
	{ "ABORT", VN_IS_ROLLBACK | VN_IS_PRELUDE },
	{ "SAVEPOINT", 0 },
	{ "RELEASE", 0 },
	{ "SET", VN_IS_SETUP },
	{ "RESET", VN_IS_SETUP },
	{ "DISCARD", VN_IS_SETUP },
	{ "CLOSE ALL", VN_IS_SETUP },
	{ "CLOSE", 0 },
	{ "LISTEN", 0 },
	{ "UNLISTEN", VN_IS_SETUP },
	{ "LOAD", 0 },
	{ "CHECKPOINT", 0 },
	{ "NOTIFY", VN_IS_WRITE },
	{ "PREPARE TRANSACTION", VN_IS_COMMIT },
	{ "PREPARE @ .. AS", 0, VN_SQL_PREPARES | VN_SQL_PREFIX },
	{ "DEALLOCATE ?PREPARE @", 0, VN_SQL_FORGETS },
	{ "EXECUTE @", VN_IS_READ, VN_SQL_EXECUTES },
	{ "LOCK", IS_LOCKING },
	{ "DO", VN_IS_WRITE },
	{ "VACUUM", VN_IS_WRITE },
	{ "ANALYZE|ANALYSE", VN_IS_WRITE },
	{ "REINDEX", VN_IS_WRITE },
	{ "CLUSTER", VN_IS_WRITE },
	{ "TRUNCATE", WRITES, 0, "TRUNCATE TABLE" },
	{ "REFRESH", WRITES, 0, "REFRESH MATERIALIZED VIEW" },
	{ "CREATE *GLOBAL|LOCAL TEMP|TEMPORARY TABLE ?IF ?NOT ?EXISTS @ .. AS", WRITES,
	  VN_SQL_TEMPORARY, "CREATE TABLE AS" },
	{ "CREATE *GLOBAL|LOCAL TEMP|TEMPORARY TABLE ?IF ?NOT ?EXISTS @", WRITES, VN_SQL_TEMPORARY,
	  "CREATE TABLE" },
	{ "CREATE ?UNLOGGED TABLE ?IF ?NOT ?EXISTS @ .. AS", WRITES, 0, "CREATE TABLE AS" },
	{ "DROP TABLE ?IF ?EXISTS @", WRITES, VN_SQL_DROPS, "DROP TABLE" },
	OBJECT(TEMP "TABLE", "TABLE"),
	OBJECT(TEMP "INDEX", "INDEX"),
	OBJECT(TEMP "VIEW", "VIEW"),
	OBJECT("MATERIALIZED VIEW", "MATERIALIZED VIEW"),
	OBJECT(TEMP "SEQUENCE", "SEQUENCE"),
	OBJECT("SCHEMA", "SCHEMA"),
	OBJECT(TEMP "FUNCTION", "FUNCTION"),
	OBJECT(TEMP "PROCEDURE", "PROCEDURE"),
	OBJECT("ROUTINE", "ROUTINE"),
	OBJECT(TEMP "AGGREGATE", "AGGREGATE"),
	OBJECT("OPERATOR CLASS", "OPERATOR CLASS"),
	OBJECT("OPERATOR FAMILY", "OPERATOR FAMILY"),
	OBJECT("OPERATOR", "OPERATOR"),
	OBJECT("TYPE", "TYPE"),
	OBJECT("DOMAIN", "DOMAIN"),
	OBJECT("CAST", "CAST"),
	OBJECT("COLLATION", "COLLATION"),
	OBJECT(TEMP "CONVERSION", "CONVERSION"),
	OBJECT("DATABASE", "DATABASE"),
	OBJECT("USER MAPPING", "USER MAPPING"),
	OBJECT("ROLE|USER|GROUP", "ROLE"),
	OBJECT("EXTENSION", "EXTENSION"),
	OBJECT("EVENT TRIGGER", "EVENT TRIGGER"),
	OBJECT(TEMP "TRIGGER", "TRIGGER"),
	OBJECT(TEMP "RULE", "RULE"),
	OBJECT("POLICY", "POLICY"),
	OBJECT("PUBLICATION", "PUBLICATION"),
	OBJECT("SUBSCRIPTION", "SUBSCRIPTION"),
	OBJECT("SERVER", "SERVER"),
	OBJECT("FOREIGN DATA", "FOREIGN DATA WRAPPER"),
	OBJECT("FOREIGN TABLE", "FOREIGN TABLE"),
	OBJECT("STATISTICS", "STATISTICS"),
	OBJECT("TABLESPACE", "TABLESPACE"),
	OBJECT("TEXT SEARCH CONFIGURATION", "TEXT SEARCH CONFIGURATION"),
	OBJECT("TEXT SEARCH DICTIONARY", "TEXT SEARCH DICTIONARY"),
	OBJECT("TEXT SEARCH PARSER", "TEXT SEARCH PARSER"),
	OBJECT("TEXT SEARCH TEMPLATE", "TEXT SEARCH TEMPLATE"),
	OBJECT(TEMP "TRANSFORM", "TRANSFORM"),
	OBJECT("ACCESS METHOD", "ACCESS METHOD"),
	OBJECT("LARGE OBJECT", "LARGE OBJECT"),
	{ "CREATE " TEMP "LANGUAGE", WRITES, 0, "CREATE EXTENSION" },
	OBJECT("*PROCEDURAL LANGUAGE", "LANGUAGE"),
	{ "ALTER SYSTEM", VN_IS_WRITE },
	{ "ALTER DEFAULT PRIVILEGES", WRITES, 0, "ALTER DEFAULT PRIVILEGES" },
	{ "DROP OWNED", WRITES, 0, "DROP OWNED" },
	{ "REASSIGN", WRITES, 0, "REASSIGN OWNED" },
	{ "CREATE", WRITES, 0, "CREATE" },
	{ "ALTER", WRITES, 0, "ALTER" },
	{ "DROP", WRITES, 0, "DROP" },
	{ "GRANT .. ON", WRITES, 0, "GRANT" },
	{ "GRANT", WRITES, 0, "GRANT ROLE" },
	{ "REVOKE .. ON", WRITES, 0, "REVOKE" },
	{ "REVOKE", WRITES, 0, "REVOKE ROLE" },
	{ "COMMENT", WRITES, 0, "COMMENT" },
	{ "SECURITY LABEL", WRITES, 0, "SECURITY LABEL" },
	{ "IMPORT FOREIGN SCHEMA", WRITES, 0, "IMPORT FOREIGN SCHEMA" },
	{ 0 }
};

static bool starts(struct vn_span s, const char *with)
{
	return s.n >= strlen(with) && !memcmp(s.p, with, strlen(with));
}

static size_t comment_length(struct vn_span s)     /* those between stars may stand in each other */
{
	unsigned depth = 0;
	size_t n = 0;

	if (starts(s, "--")) {
		const uint8_t *end = memchr(s.p, '\n', s.n);
		return end ? (size_t)(end - s.p) + 1 : s.n;
	}
	if (!starts(s, "/*"))
		return 0;
	while (n < s.n) {
		struct vn_span rest = { s.p + n, s.n - n };
		bool opens = starts(rest, "/*"), closes = starts(rest, "*/");
		n += opens || closes ? 2 : 1;
		depth += opens;
		if (closes && !--depth)
			return n;
	}
	return s.n;
}

static const struct vn_sql sql = {
	.keywords = keywords,
	.comment = comment_length,
	.dollar = true,
	.names = "\"`",
	.own = IS_FORBIDDEN,
};

/* It looks types up, as drivers do before the first statement of their clients. */
static bool reads_catalog(struct vn_span text)
{
	static const char type[] = "pg_type";

	return memmem(text.p, text.n, type, sizeof type - 1);
}

/* What drivers ask of the session, with the schema before the name. */
static bool reads_session(struct vn_span text)
{
	static const char *const what[] = {
		"PG_CATALOG.VERSION(", "PG_CATALOG.SET_CONFIG(", "PG_CATALOG.CURRENT_SETTING(",
		NULL
	};

	return vn_sql_selects(text, comment_length, what);
}

/* What is asked when this text runs. A ROLLBACK is no statement: it is what gets out of all
 * trouble. */
static void statement_tell(struct vn_session *t, struct vn_message *m, struct vn_span text)
{
	struct postgres *s = t->state;
	struct vn_sql_deed deed = vn_sql_judge(t, &sql, &text);

	m->subject = text;
	m->lead = vn_sql_lead(text, comment_length);
	m->is |= deed.is;
	if (deed.is == VN_IS_READ && reads_session(text))
		m->is |= VN_IS_SETUP;
	else if (deed.is == VN_IS_READ && !s->worked && reads_catalog(text))
		m->is |= VN_IS_PRELUDE;
	s->worked |= !(m->is & (VN_IS_SETUP | VN_IS_PRELUDE));
	if (m->is & VN_IS_ROLLBACK && !(m->is & WRITES))
		m->is &= ~(unsigned)VN_IS_STATEMENT;
	m->note |= (uint64_t)deed.row << NOTE_NUMBER_SHIFT;
}

/* ---- statements and portals, by name ---- */

/* A key in the text cache; `of` is 'S'tatement or 'P'ortal. */
static uint64_t name_key(uint8_t of, struct vn_span name)
{
	return vn_sql_key(of, name);
}

static void statement_parsed(struct vn_session *t, struct vn_span body, struct vn_message *m)
{
	struct vn_span name;

	if (!string_take(&body, &name))
		return;
	m->subject = text_of(body);
	vn_text_cache_put(t->texts, name_key('S', name), m->subject);
}

static void portal_bound(struct vn_session *t, struct vn_span body)
{
	struct postgres *s = t->state;
	struct vn_span portal, statement;

	if (!string_take(&body, &portal) || !string_take(&body, &statement)) {
		s->bound = 0;
		return;
	}
	uint64_t key = name_key('S', statement);
	if (t->report)
		s->given = vn_hash(0, body);
	if (!portal.n) {
		s->bound = key;
		return;
	}
	struct vn_span text = vn_text_cache_get(t->texts, key);
	vn_buffer_put(t->scratch, text.p, text.n);    /* the text cache may need its room */
	vn_text_cache_put(t->texts, name_key('P', portal), vn_buffer_span(t->scratch));
}

static void portal_executed(struct vn_session *t, struct vn_span body, struct vn_message *m)
{
	struct postgres *s = t->state;
	struct vn_span portal;

	if (!string_take(&body, &portal))
		return;
	struct vn_span text =
		vn_text_cache_get(t->texts, portal.n ? name_key('P', portal) : s->bound);
	statement_tell(t, m, text);
	if (!text.n)
		m->is |= VN_IS_UNKNOWN;         /* empty, or not kept any more */
}

static void name_closed(struct vn_session *t, struct vn_span body)
{
	struct vn_span name;
	uint8_t of = body.n ? *body.p : 0;

	if (!of)
		return;
	body = (struct vn_span){ body.p + 1, body.n - 1 };
	if (string_take(&body, &name))
		vn_text_cache_drop(t->texts, name_key(of, name));
}

/* ---- requests ---- */

static const struct request {
	const char *verb;               /* NULL: unknown */
	enum vn_role role;
	unsigned is;
	size_t peek;                    /* bytes of its body that are looked at */
} requests[256] = {
	['Q'] = { "QUERY", VN_ASKS, VN_IS_COMMAND | VN_IS_STATEMENT, SUBJECT_MAX },
	['F'] = { "FUNCTION", VN_ASKS, VN_IS_COMMAND | VN_IS_STATEMENT | VN_IS_UNKNOWN },
	['E'] = { "EXECUTE", VN_ASKS, VN_IS_COMMAND | VN_IS_STATEMENT, NAMES_MAX },
	['P'] = { "PREPARE", VN_SILENT, VN_IS_COMMAND, SUBJECT_MAX },
	['B'] = { "BIND", VN_SILENT, VN_IS_COMMAND, NAMES_MAX },
	['D'] = { "DESCRIBE", VN_SILENT, VN_IS_COMMAND },
	['C'] = { "CLOSE", VN_SILENT, VN_IS_COMMAND, NAMES_MAX },
	['H'] = { "FLUSH", VN_SILENT, VN_IS_COMMAND },
	['S'] = { "SYNC", VN_AIDS, VN_IS_COMMAND },
	['d'] = { "COPY_DATA", VN_GOES_ON },
	['c'] = { "COPY_DONE", VN_GOES_ON },
	['f'] = { "COPY_FAIL", VN_GOES_ON },
	['p'] = { "AUTH", VN_GOES_ON },
	['X'] = { "TERMINATE", VN_SILENT, VN_IS_COMMAND },
};

/* Portals have other names when the same is executed again. */
static void executed_report(struct vn_session *t)
{
	const struct postgres *s = t->state;

	if (!t->report)
		return;
	t->report->given = VN_ALL;
	t->report->before = s->given;
}

static void request_tell(struct vn_session *t, const struct packet *k, struct vn_message *m)
{
	struct postgres *s = t->state;
	size_t peek = t->report && k->type == 'B' ? GIVEN_MAX : requests[k->type].peek;
	struct vn_span body = { k->p, k->n < peek ? k->n : peek };
	bool extended = memchr("PBDCE", k->type, 5);

	s->unit = (s->unit || extended) && k->type != 'S';
	s->failed &= k->type != 'S';
	s->aided += extended && k->type != 'E';
	if (k->type == 'S' || (s->unit && (k->type == 'Q' || k->type == 'F')))
		m->seq = s->aided;
	switch (k->type) {
	case 'Q': statement_tell(t, m, text_of(body)); break;
	case 'E': portal_executed(t, body, m); executed_report(t); break;
	case 'P': statement_parsed(t, body, m); break;
	case 'B': portal_bound(t, body); break;
	case 'C': name_closed(t, body); break;
	case 'S': m->note |= ++s->syncs << NOTE_NUMBER_SHIFT & ~VN_NOTE_SUBSTITUTE; break;
	case 'd': case 'c': case 'f':
		s->copied = s->syncs;
		s->aided_copied = s->aided;
		break;
	}
}

static struct vn_cut typed_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct packet k;

	if (!packet_read(&k, in, 0))
		return requests[in.p[0]].verb ? vn_cut_more() : vn_cut_raw(t, RAW_REQUEST);
	const struct request *r = &requests[k.type];
	if (!r->verb || k.bad)
		return vn_cut_raw(t, RAW_REQUEST);
	if (!packet_has(&k, t->report && k.type == 'B' ? GIVEN_MAX : r->peek))
		return vn_cut_more();
	*m = (struct vn_message){ .role = r->role, .is = r->is, .head = HEAD, .note = k.type };
	strcpy(m->verb, r->verb);
	request_tell(t, &k, m);
	return whole(packet_size(&k));
}

/* Say "user database", as the client says it of itself. */
static void login_tell(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct vn_span name, value, user = { 0 }, database = { 0 };

	while (string_take(&in, &name) && name.n && string_take(&in, &value)) {
		if (name.n == 4 && starts(name, "user"))
			user = value;
		if (name.n == 8 && starts(name, "database"))
			database = value;
	}
	vn_buffer_put(t->scratch, user.p, user.n);
	if (database.n) {
		vn_buffer_byte(t->scratch, ' ');
		vn_buffer_put(t->scratch, database.p, database.n);
	}
	m->subject = vn_buffer_span(t->scratch);
	m->note |= (uint64_t)user.n << NOTE_NUMBER_SHIFT;
}

/* Nothing more is read of this client. */
static struct vn_cut startup_reject(struct vn_session *t, struct vn_message *m, uint32_t len,
                                    const char *why)
{
	m->role = VN_SILENT;
	t->notice = why;
	t->close = true;
	return (struct vn_cut){ VN_CUT_END, len, .replaced = true, .back = true };
}

/* A client may begin with TLS, if ALPN says what for (PostgreSQL 17). */
static bool is_unnamed(const struct vn_session *t)
{
	const struct postgres *s = t->state;

	return t->secure & VN_LEG_CLIENT && !s->upgraded &&
	       !(t->alpn && !strcmp(t->alpn, alpn[0]));
}

static struct vn_cut encryption_request(struct vn_session *t, uint32_t code, uint32_t len,
                                        struct vn_message *m)
{
	const struct postgres_opts *opts = t->opts;
	struct postgres *s = t->state;
	bool pass = opts && opts->tls && !strcmp(opts->tls, "pass");
	bool offered = (t->tls & (VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_NEVER)) == VN_TLS_CLIENT_MAY;

	*m = (struct vn_message){ .role = VN_AIDS, .head = STARTUP_HEAD, .note = ENCRYPTION };
	strcpy(m->verb, code == WANTS_TLS ? "TLS" : "GSS");
	if (t->secure & VN_LEG_CLIENT)
		return startup_reject(t, m, len, TWICE);
	if (offered && code == WANTS_TLS) {
		s->upgraded = true;
		return (struct vn_cut){ VN_CUT_TLS, len, .leg = VN_LEG_CLIENT,
			                .instead = { (const uint8_t *)"S", 1 } };
	}
	s->asked_encryption = pass;
	if (!pass) {
		m->failure = "not_encrypted";
		t->notice = t->tls ? NULL : NOT_ENCRYPTED;
	}
	return whole(len);
}

static struct vn_cut startup_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct postgres *s = t->state;

	if (in.p[0])
		return vn_cut_raw(t, in.p[0] == 0x16 ? RAW_TLS : RAW_STARTUP);
	if (s->asked_encryption)
		return vn_cut_raw(t, RAW_EARLY);
	uint32_t len = in.n < 4 ? STARTUP_HEAD : be32(in.p);
	if (len < STARTUP_HEAD || len > STARTUP_MAX)
		return vn_cut_raw(t, RAW_STARTUP);
	if (in.n < len)
		return vn_cut_more();
	uint32_t code = be32(in.p + 4);
	if (is_unnamed(t)) {
		*m = (struct vn_message){ .verb = "TLS" };
		return startup_reject(t, m, len, NO_ALPN);
	}
	if (code == WANTS_TLS || code == WANTS_GSS)
		return encryption_request(t, code, len, m);
	if (code >> 16 != 3 && code != CANCEL)
		return vn_cut_raw(t, RAW_VERSION);
	s->started = true;
	if (code == CANCEL) {
		*m = (struct vn_message){
			.role = VN_SILENT, .verb = "CANCEL", .head = STARTUP_HEAD
		};
		if (t->report)
			t->report->cancels = vn_hash(0, (struct vn_span){ in.p + 8, len - 8 });
		return whole(len);
	}
	*m = (struct vn_message){ .role = VN_ASKS,
		                  .is = VN_IS_LOGIN,
		                  .verb = "LOGIN",
		                  .head = STARTUP_HEAD,
		                  .note = LOGIN };
	if (t->tls & VN_TLS_CLIENT_MUST && !(t->secure & VN_LEG_CLIENT))
		m->failure = "no_encryption";
	login_tell(t, (struct vn_span){ in.p + 8, len - 8 }, m);
	return whole(len);
}

static struct vn_cut postgres_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct postgres *s = t->state;

	if (s->encrypted)
		return vn_cut_raw(t, RAW_TLS);
	return s->started ? typed_request(t, in, m) : startup_request(t, in, m);
}

/* ---- answers ---- */

/* executed in place of a refused portal: there is none of that name */
#define NO_PORTAL "refused by vaurien"

/* a message: the answer goes on | ends with it | is not understood */
enum step { ON, END, BAD };

/* Its message was skipped behind an error, or lost in a COPY. */
static bool is_unanswered(const struct postgres *s, const struct vn_message *asked)
{
	if (kind_of(asked) == 'S')
		return number_of(asked) <= s->ignored;
	return s->skipping && kind_of(asked) != LOGIN;
}

/* Was it our own doing? The error's text has the name that no one else knows. */
static bool is_refusal(const struct packet *k)
{
	return k->n && memmem(k->p, k->n, NO_PORTAL, strlen(NO_PORTAL));
}

/* Is a Parse or its like unanswered that came before what is answered next? */
static bool aid_due(const struct postgres *s, const struct vn_message *asked)
{
	return !s->skipping && (asked ? asked->seq : s->aided) > s->aid_answered;
}

/* Does this answer a Parse, Bind, Describe or Close? Their notices look like those of an
 * Execute. */
static bool is_aid(const struct postgres *s, const struct vn_message *asked, const struct packet *k)
{
	bool ours = asked && is_substitute(asked), due = aid_due(s, asked);
	bool extended = asked && (kind_of(asked) == 'E' || kind_of(asked) == 'S');

	switch (k->type) {
	case '1': case '2': case '3': case 't': case 'n':
		return true;
	case 'T':
		return due || !asked || ours || (kind_of(asked) != 'Q' && kind_of(asked) != 'F');
	case 'E':
		return (due && !(extended && !ours)) ||
		       (ours && kind_of(asked) == 'E' && !is_refusal(k));
	case 'N':
		return due || (extended && !(ours && asked->is & VN_IS_COMMIT));
	default:
		return false;
	}
}

static struct vn_cut aid(struct vn_session *t, const struct packet *k, struct vn_message *m)
{
	struct postgres *s = t->state;

	*m = (struct vn_message){ .role = VN_AIDS, .verb = "AID", .head = HEAD };
	s->skipping |= k->type == 'E';
	s->aid_answered += s->aid_answered < s->aided && memchr("123Tn", k->type, 5);
	return whole(packet_size(k));
}

static bool is_push(const struct postgres *s, const struct vn_message *asked,
                    const struct packet *k)
{
	switch (k->type) {
	case 'A': case 'S':
		return !asked || kind_of(asked) != 'S' || aid_due(s, asked);
	case 'N': case 'E':
		return !asked;
	default:
		return false;
	}
}

static struct vn_cut push(struct vn_session *t, const struct packet *k, struct vn_message *m)
{
	struct postgres *s = t->state;

	*m = (struct vn_message){ .role = VN_PUSH, .head = HEAD };
	strcpy(m->verb, k->type == 'A' ? "NOTIFICATION" : k->type == 'S' ? "PARAMETER" :
	                k->type == 'N' ? "NOTICE" : "ERROR");
	s->skipping |= k->type == 'E' && s->unit;
	return whole(packet_size(k));
}

static void aids_over(struct postgres *s, uint64_t up_to)
{
	if (s->aid_answered < up_to)
		s->aid_answered = up_to;
}

static void copy_over(struct postgres *s)
{
	if (!s->copying)
		return;
	s->ignored = s->copied;
	aids_over(s, s->aided_copied);
	s->copying = false;
}

/* What comes of a request before its answer: the server waits for the client, or has a notice to
 * give. */
static bool is_interim(const struct postgres *s, const struct vn_message *asked,
                       const struct packet *k)
{
	unsigned kind = kind_of(asked);

	if (is_substitute(asked))
		return kind == 'E' && k->type == 'N' && !s->answering;
	switch (k->type) {
	case 'G':
		return kind == 'Q' || kind == 'E';
	case 'R':
		return kind == LOGIN && k->n >= 4 && be32(k->p);
	case 'N': case 'v':
		return !s->answering;
	default:
		return false;
	}
}

/* Execute and Sync, Query, FunctionCall, login. */
static enum step answer_step(struct postgres *s, const struct vn_message *asked,
                             const struct packet *k)
{
	unsigned kind = kind_of(asked);

	switch (k->type) {
	case 'Z':
		s->status = k->n ? (char)k->p[0] : 0;
		s->skipping &= kind != 'S';
		aids_over(s, asked->seq);
		return kind == 'E' ? BAD : END;
	case 'E':
		s->skipping |= kind == 'E';
		copy_over(s);
		return kind == 'E' || kind == LOGIN ? END : ON;
	case 'C': case 'I': case 's':
		copy_over(s);
		return kind == 'E' ? END : ON;
	case 'G':
		s->copying = true;
		return ON;
	}
	return memchr("RKSvNATDHdcV", k->type, 12) ? ON : BAD;
}

/* The answers to a substitute: an error, or the two of a Query, or all three. */
static enum step substitute_step(struct postgres *s, const struct vn_message *asked,
                                 const struct packet *k)
{
	bool execute = kind_of(asked) == 'E';

	switch (k->type) {
	case 'N': case 'S': case 'A':
		return ON;
	case 'Z':
		s->status = k->n ? (char)k->p[0] : 0;
		s->refused |= !execute;
		aids_over(s, asked->seq);
		return END;
	case 'C':
		return END;
	case 'E':
		s->refused |= execute;
		s->skipping |= execute;
		return END;
	}
	return BAD;
}

/* A server names its version to each client that logs in. */
static void version_learn(struct vn_session *t, const struct packet *k)
{
	static const char name[] = "server_version";
	uint64_t version = 0;

	if (k->n <= sizeof name || memcmp(k->p, name, sizeof name))
		return;
	for (size_t i = sizeof name; i < k->n && k->p[i] >= '0' && k->p[i] <= '9' && version < 1000;
	     i++)
		version = version * 10 + k->p[i] - '0';
	vn_backend_note_set(t->backend_note, version);
}

static void answer_begin(struct postgres *s, const struct vn_message *asked, const struct packet *k,
                         struct vn_message *m)
{
	s->answering = true;
	*m = (struct vn_message){ .role = VN_ANSWERS, .is = asked->is, .head = HEAD };
	strcpy(m->verb, k->type == 'E' ? "ERROR" : "ANSWER");
}

static struct vn_cut piece(bool end, uint64_t len)
{
	return (struct vn_cut){ .kind = end ? VN_CUT_END : VN_CUT_PART, .len = len };
}

/* The mechanisms that a client without TLS can use of a server with TLS. */
static struct vn_cut sasl_without_plus(struct vn_session *t, const struct packet *k,
                                       struct vn_cut cut)
{
	static const char plus[] = "SCRAM-SHA-256-PLUS";
	struct vn_span in = { k->p + 4, k->n - 4 }, name;

	vn_buffer_put(t->scratch, k->p - HEAD, HEAD + 4);
	while (string_take(&in, &name))
		if (name.n != strlen(plus) || memcmp(name.p, plus, name.n))
			vn_buffer_put(t->scratch, name.p, name.n + 1);
	struct vn_span all = vn_buffer_span(t->scratch);
	size_t n = all.n - 1;
	uint8_t *length = (uint8_t *)all.p + 1;
	for (unsigned i = 0; i < 4; i++)
		length[i] = (uint8_t)(n >> (24 - 8 * i));
	cut.replaced = n - 4 < k->len;
	cut.instead = all;
	return cut;
}

/* The proof of SCRAM covers the server's certificate, as the client sees it. */
static struct vn_cut sasl_list(struct vn_session *t, const struct packet *k, struct vn_cut cut)
{
	bool offered = memmem(k->p, k->n, "-PLUS", 6);

	if (!offered || k->n < k->len)
		return cut;
	if (t->secure == VN_LEG_BACKEND)
		return sasl_without_plus(t, k, cut);
	if (t->secure == (VN_LEG_CLIENT | VN_LEG_BACKEND) && !t->bound)
		t->notice = UNBOUND;
	return cut;
}

/* A message of its own before the answer, a piece of it where that has begun. */
static struct vn_cut interim(struct vn_session *t, const struct vn_message *asked,
                             const struct packet *k, struct vn_message *m)
{
	struct postgres *s = t->state;

	*m = (struct vn_message){ .role = VN_INTERIM, .is = asked->is, .head = HEAD };
	strcpy(m->verb, k->type == 'N' ? "NOTICE" : k->type == 'G' ? "COPY" : "AUTH");
	answer_step(s, asked, k);
	struct vn_cut cut = piece(!s->answering, packet_size(k));
	bool list = k->type == 'R' && t->secure & VN_LEG_BACKEND && be32(k->p) == SASL;
	return list ? sasl_list(t, k, cut) : cut;
}

static size_t answer_peek(const struct vn_session *t, uint8_t type)
{
	switch (type) {
	case 'S': return PARAMETER_PEEK;
	case 'R': return t->secure & VN_LEG_BACKEND ? SASL_PEEK : 4;
	case 'K': return KEY_PEEK;
	case 'E': return t->report ? CODE_PEEK : 1;
	default: return 1;
	}
}

/* The code in an error, which is its field C. */
static void error_tell(struct vn_session *t, const struct packet *k)
{
	struct postgres *s = t->state;
	struct vn_span in = { k->p, k->n }, field;

	while (string_take(&in, &field) && field.n)
		if (*field.p == 'C' && field.n < sizeof s->code) {
			memcpy(s->code, field.p + 1, field.n - 1);
			s->code[field.n - 1] = 0;
			vn_session_error(t, s->code, field.n - 1);
			return;
		}
}

static void answer_learn(struct vn_session *t, const struct vn_message *asked,
                         const struct packet *k)
{
	struct postgres *s = t->state;

	if (k->type == 'S' && kind_of(asked) == LOGIN)
		version_learn(t, k);
	if (k->type == 'K' && kind_of(asked) == LOGIN)
		s->key = vn_hash(0, (struct vn_span){ k->p, k->n });
	if (k->type == 'E' && !is_substitute(asked))
		error_tell(t, k);
}

/* As much of it as is at hand. */
static struct vn_cut answer(struct vn_session *t, struct vn_span in, const struct vn_message *asked,
                            struct vn_message *m)
{
	struct postgres *s = t->state;
	struct packet k;
	uint64_t done = 0;
	enum step step = ON;

	while (step == ON && packet_read(&k, in, done) && packet_has(&k, answer_peek(t, k.type))) {
		if (!k.bad && is_interim(s, asked, &k))
			return done ? piece(false, done) : interim(t, asked, &k, m);
		if (!s->answering)
			answer_begin(s, asked, &k, m);
		step = k.bad ? BAD : is_substitute(asked) ? substitute_step(s, asked, &k)
		                                          : answer_step(s, asked, &k);
		answer_learn(t, asked, &k);
		if (step != BAD)
			done += packet_size(&k);
	}
	if (step == BAD && !done)
		return vn_cut_raw(t, k.type == 'W' ? RAW_BOTH : RAW_ANSWER);
	if (!done)
		return vn_cut_more();
	s->answering = step != END;
	t->idle = s->status == 'T' || s->status == 'E' ? VN_IS_IN_TRANSACTION : 0;
	return piece(step == END, done);
}

/* One byte says whether what follows is encrypted. */
static struct vn_cut encryption_answer(struct vn_session *t, struct vn_span in,
                                       struct vn_message *m)
{
	struct postgres *s = t->state;

	s->asked_encryption = false;
	s->encrypted = in.p[0] == 'S' || in.p[0] == 'G';
	if (!s->encrypted && in.p[0] != 'N')
		return vn_cut_raw(t, RAW_ANSWER);
	*m = (struct vn_message){ .role = VN_ANSWERS, .verb = "ANSWER" };
	return whole(1);
}

static struct vn_cut postgres_response(struct vn_session *t, struct vn_span in,
                                       const struct vn_message *asked, struct vn_message *m)
{
	struct postgres *s = t->state;
	struct packet k;

	if (s->encrypted)
		return vn_cut_raw(t, RAW_TLS);
	if (s->answering && asked)
		return answer(t, in, asked, m);
	if (asked && kind_of(asked) == ENCRYPTION)
		return encryption_answer(t, in, m);
	if (asked && is_unanswered(s, asked)) {
		if (kind_of(asked) == 'E')
			vn_session_error(t, s->code, strlen(s->code));
		return whole(0);
	}
	if (!packet_read(&k, in, 0))
		return vn_cut_more();
	if (k.bad)
		return vn_cut_raw(t, asked ? RAW_ANSWER : RAW_UNASKED);
	if (k.type == 'E' && !packet_has(&k, ERROR_MAX))
		return vn_cut_more();
	if (is_aid(s, asked, &k)) {
		if (k.type == 'E' && !(asked && is_substitute(asked)))
			error_tell(t, &k);
		return aid(t, &k, m);
	}
	if (is_push(s, asked, &k))
		return push(t, &k, m);
	return asked ? answer(t, in, asked, m) :
	               vn_cut_raw(t, k.type == 'W' ? RAW_BOTH : RAW_UNASKED);
}

static enum vn_secure postgres_secure(struct vn_session *t, struct vn_span in,
                                      struct vn_buffer *backend)
{
	static const uint8_t request[] = { 0, 0, 0, 8, 4, 210, 22, 47 };

	if (!in.n) {
		vn_buffer_put(backend, request, sizeof request);
		return VN_SECURE_MORE;
	}
	if (in.n == 1 && in.p[0] == 'S')
		return VN_SECURE_START;
	t->notice = in.p[0] == 'N' ? NO_TLS : in.p[0] == 'S' ? TLS_MORE : TLS_ERROR;
	return VN_SECURE_NONE;
}

/* ---- saying no ---- */

enum {
	WAITS = VN_IS_READ | VN_IS_WRITE | IS_LOCKING, WORK = WAITS | VN_IS_COMMIT,
	SERIAL = VN_IS_READ | VN_IS_WRITE | VN_IS_COMMIT,
};

enum { SILENCE, ERROR, FATAL, WARNING, POOLER, NO };    /* failure.number: how it is worded */

static const struct vn_failure failures[] = {
	{ "serialization_failure", "40001", "could not serialize access due to concurrent update",
	  SERIAL, VN_ON_REQUEST, VN_STAY, ERROR },
	{ "deadlock", "40P01", "deadlock detected", WAITS, VN_ON_REQUEST, VN_STAY, ERROR },
	{ "recovery_conflict", "40001", "canceling statement due to conflict with recovery",
	  VN_IS_READ, VN_ON_REQUEST, VN_STAY, ERROR, .by_name = true },
	{ "read_only", "25006", "cannot execute INSERT in a read-only transaction", IS_FORBIDDEN,
	  VN_ON_REQUEST, VN_STAY, ERROR },
	{ "lock_timeout", "55P03", "canceling statement due to lock timeout", WAITS, VN_ON_REQUEST,
	  VN_STAY, ERROR },
	{ "query_timeout", "57014", "canceling statement due to statement timeout", WORK,
	  VN_ON_REQUEST, VN_STAY, ERROR },
	{ "query_canceled", "57014", "canceling statement due to user request", WORK, VN_ON_REQUEST,
	  VN_STAY, ERROR },
	{ "disk_full", "53100",
	  "could not extend file \"base/16384/16397\": No space left on device",
	  VN_IS_WRITE | VN_IS_COMMIT, VN_ON_REQUEST, VN_STAY, ERROR },
	{ "out_of_memory", "53200", "out of memory", VN_IS_STATEMENT, VN_ON_REQUEST, VN_STAY,
	  ERROR },
	{ "io_error", "58030",
	  "could not read block 0 in file \"base/16384/16397\": Input/output error",
	  VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, ERROR },
	{ "shutting_down", "57P01", "terminating connection due to administrator command",
	  VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, FATAL },
	{ "crash", "57P02", "terminating connection because of crash of another server process",
	  VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, WARNING },
	{ "starting_up", "57P03", "the database system is starting up", VN_IS_LOGIN, VN_ON_REQUEST,
	  VN_CLOSE, FATAL },
	{ "too_many_connections", "53300", "sorry, too many clients already", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_CLOSE, FATAL },
	{ "overloaded", "53300",
	  "remaining connection slots are reserved for non-replication superuser connections",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_CLOSE, FATAL },
	{ "too_many_user_connections", "53300", "too many connections for role \"app\"",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_CLOSE, FATAL },
	{ "access_denied", "28P01", "password authentication failed for user \"app\"", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_CLOSE, FATAL },
	{ "idle_in_transaction_timeout", "25P03",
	  "terminating connection due to idle-in-transaction timeout", VN_IS_IN_TRANSACTION,
	  VN_ON_REST, VN_CLOSE, FATAL },
	{ "idle_timeout", "57P05", "terminating connection due to idle-session timeout",
	  VN_IS_COMMAND, VN_ON_REST, VN_CLOSE, FATAL },
	{ "pooler_timeout", "08P01", "query_wait_timeout", VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE,
	  POOLER },
	{ "pooler_overloaded", "08P01", "no more connections allowed (max_client_conn)",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_CLOSE, POOLER },
	{ "pooler_login_failing", "08P01",
	  "server login has been failing, cached error: connect failed (server_login_retry)",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_CLOSE, POOLER },
	{ "pooler_idle_timeout", "08P01", "client_idle_timeout", VN_IS_COMMAND, VN_ON_REST,
	  VN_CLOSE, POOLER },
	{ "pooler_server_shutting_down", "08P01", "server shutting down", VN_IS_COMMAND,
	  VN_ON_REQUEST, VN_CLOSE, POOLER },
	{ "pooler_shutting_down", "08P01", "pooler is shutting down", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, POOLER },
	{ "gone", "FIN", "the connection is closed without a word", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, SILENCE },
	{ "not_encrypted", "N",
	  "the server's answer to a client that asks for TLS when it has none", 0, 0, VN_STAY, NO },
	{ "no_encryption", "28000",
	  "no pg_hba.conf entry for host \"127.0.0.1\", user \"app\", database \"shop\", "
	  "no encryption",
	  0, 0, VN_CLOSE, FATAL, .no_tls = true },
	{ 0 }
};

/* What the server says more, or says differently of a message that is `when`, or in a version (0:
 * in all). */
static const struct variant {
	const char *name;
	unsigned when;
	const char *code, *text, *detail, *hint;
	unsigned since;
} variants[] = {
	{ "overloaded", 0, NULL,
	  "remaining connection slots are reserved for roles with the SUPERUSER attribute", NULL,
	  NULL, .since = 16 },
	{ "serialization_failure", VN_IS_COMMIT, NULL,
	  "could not serialize access due to read/write dependencies among transactions",
	  "Reason code: Canceled on identification as a pivot, during commit attempt.",
	  "The transaction might succeed if retried." },
	{ "deadlock", 0, NULL, NULL,
	  "Process 4711 waits for ShareLock on transaction 815; blocked by process 4712.\n"
	  "Process 4712 waits for ShareLock on transaction 816; blocked by process 4711.",
	  "See server log for query details." },
	{ "recovery_conflict", 0, NULL, NULL,
	  "User query might have needed to see row versions that must be removed.", NULL },
	{ "disk_full", 0, NULL, NULL, NULL, "Check free disk space." },
	{ "out_of_memory", 0, NULL, NULL,
	  "Failed on request of size 65536 in memory context \"ExecutorState\".", NULL },
	{ "shutting_down", VN_IS_LOGIN, "57P03", "the database system is shutting down", NULL,
	  NULL },
	{ "crash", VN_IS_LOGIN, "57P03", "the database system is in recovery mode", NULL, NULL },
	{ "crash", 0, NULL, NULL,
	  "The postmaster has commanded this server process to roll back the current transaction "
	  "and exit, because "
	  "another server process exited abnormally and possibly corrupted shared memory.",
	  "In a moment you should be able to reconnect to the database and repeat your command." },
};

static void message_put(struct vn_buffer *o, char type, const void *body, size_t n)
{
	const uint32_t length = (uint32_t)n + 4;
	const uint8_t head[HEAD] = { (uint8_t)type, (uint8_t)(length >> 24),
		                     (uint8_t)(length >> 16), (uint8_t)(length >> 8),
		                     (uint8_t)length };

	vn_buffer_put(o, head, HEAD);
	vn_buffer_put(o, body, n);
}

/* A message that the server will skip cannot be refused: the client would get no error. */
static bool postgres_fits(struct vn_session *t, const struct vn_message *asked,
                          const struct vn_failure *f)
{
	const struct postgres *s = t->state;

	return f->end != VN_STAY || !s->failed;
}

/* The server does not see it: what it was to keep is not kept. */
static void postgres_dropped(struct vn_session *t, const struct vn_message *asked)
{
	if (asked->is & VN_IS_STATEMENT)
		vn_sql_undo(t, &sql, asked->subject);
}

static void name_keep(struct vn_session *t, uint64_t key, struct vn_span name)
{
	name.n = name.n < LOGIN_MAX ? name.n : LOGIN_MAX;
	vn_text_cache_put(t->texts, key, name);
}

/* Who logs in, kept until the refusal is worded: it is the only one, for the connection ends. */
static void login_keep(struct vn_session *t, const struct vn_message *asked)
{
	struct vn_span who = asked->subject;
	size_t n = (size_t)number_of(asked);

	n = n < who.n ? n : who.n;
	name_keep(t, LOGIN_KEY, (struct vn_span){ who.p, n });
	if (who.n > n + 1)
		name_keep(t, DATABASE_KEY, (struct vn_span){ who.p + n + 1, who.n - n - 1 });
}

/* Each error is one of its answers, and so is each ReadyForQuery. Between the two the server
 * reports the parameters that a rollback changed; these must pass. */
static int postgres_refuse(struct vn_session *t, const struct vn_message *asked,
                           const struct vn_failure *f, struct vn_buffer *backend)
{
	static const char nonsense[] = "refused by vaurien", rollback[] = "ROLLBACK",
			  execute[] = NO_PORTAL "\0\0\0\0";
	struct postgres *s = t->state;
	bool commit = asked->is & VN_IS_COMMIT;

	postgres_dropped(t, asked);
	if (asked->is & VN_IS_LOGIN)
		login_keep(t, asked);
	if (f->end != VN_STAY || f->number == NO)
		return 0;
	if (kind_of(asked) != 'E') {
		message_put(backend, 'Q', commit ? rollback : nonsense,
		            commit ? sizeof rollback : sizeof nonsense);
		return 2;
	}
	s->failed = true;
	if (commit)
		message_put(backend, 'Q', rollback, sizeof rollback);
	message_put(backend, 'E', execute, sizeof execute);
	return commit ? 3 : 1;
}

struct body { char p[1024]; size_t n; };

static void body_put(struct body *b, const char *text, size_t n)
{
	assert(b->n + n <= sizeof b->p);
	memcpy(b->p + b->n, text, n);
	b->n += n;
}

static void field_put(struct body *b, char name, const char *value)
{
	if (!value)
		return;
	body_put(b, &name, 1);
	body_put(b, value, strlen(value) + 1);
}

/* "... execute INSERT ...": what it really is. */
static void read_only_put(struct body *b, const struct vn_message *asked)
{
	uint64_t row = asked ? number_of(asked) : 0;
	bool known = row && row < sizeof keywords / sizeof keywords[0];
	const char *tag = known ? keywords[row - 1].tag : NULL;

	tag = tag ? tag : "INSERT";
	body_put(b, "Mcannot execute ", 16);
	body_put(b, tag, strlen(tag));
	body_put(b, " in a read-only transaction", sizeof " in a read-only transaction");
}

/* The text, with the names of a login. */
static void text_put(struct vn_session *t, struct body *b, const char *text, bool login)
{
	struct vn_span user = vn_text_cache_get(t->texts, LOGIN_KEY),
		       database = vn_text_cache_get(t->texts, DATABASE_KEY);
	const char *host = *t->client ? t->client : "[local]";
	const struct vn_name names[] = {
		{ "app", user },
		{ "shop", database.n ? database : user },
		{ "127.0.0.1", { (const uint8_t *)host, strlen(host) } },
	};

	body_put(b, "M", 1);
	b->n += vn_text_named(b->p + b->n, LOGIN_MAX + 100, text, names, login ? 3 : 0);
	body_put(b, "", 1);
}

static struct variant variant_find(const struct vn_session *t, const struct vn_message *asked,
                                   const struct vn_failure *f)
{
	uint64_t version = vn_backend_note_get(t->backend_note);

	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
		const struct variant *v = &variants[i];
		if (!strcmp(v->name, f->name) && (!v->when || (asked && asked->is & v->when)) &&
		    version >= v->since)
			return *v;
	}
	return (struct variant){ 0 };
}

static void error_put(struct vn_session *t, const struct vn_message *asked,
                      const struct vn_failure *f, struct vn_buffer *client)
{
	static const char *const severities[] = { NULL, "ERROR", "FATAL", "WARNING", "FATAL" };
	struct variant v = variant_find(t, asked, f);
	bool login = asked && asked->is & VN_IS_LOGIN;
	bool notice = f->number == WARNING && !login;
	const char *severity = severities[login ? FATAL : f->number];
	struct body b = { .n = 0 };

	field_put(&b, 'S', severity);
	if (f->number != POOLER)
		field_put(&b, 'V', severity);
	field_put(&b, 'C', v.code ? v.code : f->code);
	vn_session_worded(t, v.code ? v.code : f->code, strlen(v.code ? v.code : f->code));
	if (!strcmp(f->name, "read_only"))
		read_only_put(&b, asked);
	else
		text_put(t, &b, v.text ? v.text : f->text, login);
	field_put(&b, 'D', v.detail);
	field_put(&b, 'H', v.hint);
	body_put(&b, "", 1);
	message_put(client, notice ? 'N' : 'E', b.p, b.n);
}

static void postgres_flush(struct vn_session *t, struct vn_buffer *backend)
{
	message_put(backend, 'H', "", 0);
}

/* Replaces the server's answer to the substitute. If there was none, because the server skips to
 * the Sync, or if it had another reason to refuse, nothing is written. */
static void postgres_word(struct vn_session *t, const struct vn_message *asked,
                          const struct vn_failure *f, struct vn_buffer *client)
{
	struct postgres *s = t->state;
	bool refused = s->refused;

	s->refused = false;
	if (f->number == NO)
		vn_buffer_byte(client, 'N');
	if (f->number == NO || f->number == SILENCE || (f->end == VN_STAY && !(asked && refused)))
		return;
	error_put(t, asked, f, client);
	if (f->end == VN_STAY && kind_of(asked) != 'E')
		message_put(client, 'Z', s->status ? &s->status : "I", 1);
}

static bool postgres_has_id(const void *state, uint64_t id)
{
	const struct postgres *s = state;

	return s->key && s->key == id;
}

/* ---- */

static const char *const limits[] = {
	"`read_only` judges a statement by its words. It does not refuse SELECT, CALL and DO that "
	"run a function or a "
	"block that writes.",
	"`read_only` is a read-only transaction, also after BEGIN READ WRITE. A standby refuses "
	"more during recovery, such "
	"as VACUUM, NOTIFY and LOCK TABLE.",
	"A temporary table counts as temporary from its CREATE on, also if the server rejects the "
	"CREATE.",
	"A FETCH from a cursor whose query calls nextval or setval is not refused, though the "
	"server refuses it.",
	"If both legs are in TLS, SCRAM's channel binding needs the server's own certificate and "
	"key for client\\_tls, or channel\\_binding=disable. A client without TLS is not offered "
	"it.",
	"Of a statement the first 16 KiB are judged. A longer one, one whose text the proxy does "
	"not have, a function call "
	"by number and an unknown statement count as `unreachable` if the failure depends on what "
	"they do.",
	NULL
};

static const char *const tls_choices[] = { "strip", "pass", NULL };

static const struct vn_opt options[] = {
	{ "tls", VN_OPT_CHOICE, offsetof(struct postgres_opts, tls), "strip",
	  "strip: tell clients that there is no TLS, so that messages can be read, unless the "
	  "proxy has client_tls; pass: allow it",
	  .choices = tls_choices },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "A session's state cannot be handed to another client" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

VN_PROTOCOL(postgres, .help = "PostgreSQL: statements, the extended protocol, COPY",
            .options = options, .opts_size = sizeof(struct postgres_opts),
            .state_size = sizeof(struct postgres), .login = true, .request = postgres_request,
            .response = postgres_response, .failures = failures, .own = own, .limits = limits,
            .kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_LOGIN |
                     VN_IS_COMMAND,
            .fits = postgres_fits, .refuse = postgres_refuse, .dropped = postgres_dropped,
            .flush = postgres_flush, .word = postgres_word, .has_id = postgres_has_id,
            .transactions = true, .quoted_names = true, .alpn = alpn,
            .tls_start = VN_TLS_EITHER, .secure = postgres_secure,
            .plain_answer = VN_SPAN("E\0\0\0\x57SFATAL\0VFATAL\0C0A000\0"
                                    "Munsupported frontend protocol 5635.256: server supports "
                                    "3.0\0\0"))
