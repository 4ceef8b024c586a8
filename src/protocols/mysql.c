/* mysql.c - MySQL and MariaDB: where messages end, what a request does, their errors.
 *
 * All bytes are packets: length (3 bytes, low first), sequence number, payload. A payload of
 * 0xffffff bytes continues in the next packet. The server greets, the client logs in and then
 * sends commands. Their answers have these shapes:
 *
 *   ONE       OK | ERR | one packet
 *   RESULT    OK | ERR | file name, client sends the file, OK | count, columns, rows, end;
 *             again if the status has more results
 *   ROWS      packets, end
 *   PREPARED  id and counts, parameters, columns
 *   LOGIN     questions that the client answers, OK | ERR
 *
 * Bytes that are not understood make the connection raw. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "protocols/mysql_tls.h"
#include "vaurien.h"

enum {
	HEAD = MYSQL_HEAD,              /* of a packet */
	FULL = 0xffffff,                /* payload of a packet that the next one continues */
	PEEK = 24,                      /* bytes of an answer's packet that tell all about it */
	SUBJECT_MAX = 16384,            /* bytes of a statement that are looked at */
	WAIT_MAX = 60000,               /* bytes of a request that it waits for */
	LOGIN_PEEK = 1024,
	GREETING_MAX = 16384,
	SCRAMBLE_FIRST = 8, SCRAMBLE_REST = 13, /* bytes of a greeting's random text */
	LONG_SLOTS = 16,
	LADEN_MAX = 8,
};

enum {                                  /* capabilities */
	CAN_MYSQL        = 1u << 0,     /* clear in both: MariaDB's extended ones are spoken */
	CAN_DB           = 1u << 3,
	CAN_COMPRESS     = 1u << 5,
	CAN_41           = 1u << 9,
	CAN_SSL          = 1u << 11,
	CAN_SECURE       = 1u << 15,
	CAN_LONG_AUTH    = 1u << 21,
	CAN_DROP_EOF     = 1u << 24,
	CAN_SKIP_COLUMNS = 1u << 25,
	CAN_ZSTD         = 1u << 26,
	CAN_ATTRIBUTES   = 1u << 27,
	MARIADB_CAN_SKIP_COLUMNS = 1u << 4,     /* of the extended ones */
};

enum { STATUS_IN_TRANSACTION = 0x0001, STATUS_MORE_RESULTS = 0x0008, STATUS_CURSOR = 0x0040 };

enum { LAST_PREPARED = 0xffffffff };    /* MariaDB's id for the statement that was prepared last */

#define LOGIN_KEY (1ull << 33) /* in the text cache, of who logs in; statements' keys are below */

enum shape { ONE, RESULT, ROWS, PREPARED, LOGIN };

/* message.note: a shape, what else its answer depends on, and a number: of a PREPARE its serial
 * number, of an EXECUTE that would leave long data behind its statement's id, of a login the length
 * of the user's name, times 2, plus whether there is a password. */
enum {
	NOTE_SHAPE = 0x7, NOTE_LADEN = 0x8, NOTE_CURSOR = 0x10, NOTE_LONG = 0x20,
	/* of NOTE_LONG, a request of many packets: where its last sequence number is */
	NOTE_SLOT_SHIFT = 8,
	NOTE_NUMBER_SHIFT = 16,
};

struct mysql_opts { const char *tls; };

struct mysql {                          /* one connection */
	/* as far as the client's stream is concerned */
	enum { UNGREETED, GREETED, COMMANDS } phase;
	uint32_t offers, offers_extended;       /* the server's capabilities ... */
	/* ... and those of them that the client is not to know of */
	uint32_t taken;
	uint32_t can, can_extended;             /* both sides' */
	bool logging_in;                        /* the server has not said OK yet */
	bool compressed;                        /* ... and once it does, all is compressed */
	bool mariadb;                           /* by its greeting */
	uint32_t thread;                        /* its id of the connection; 0: not known */
	bool in_transaction;                    /* by its latest status */
	bool uploading;                         /* the server asked for a file */
	uint8_t upload_seq;                     /* ... of which this packet is next */
	struct mysql_tls tls;

	/* the request under way */
	bool asking;                            /* its last packet was full */
	/* last sequence numbers of the latest requests of many packets */
	uint8_t slot, long_seq[LONG_SLOTS];

	/* the answer under way */
	bool answering;
	/* its last packet was full; is it the last but for its continuation? */
	bool full, full_last;
	enum { AT_ONE, AT_LOGIN, AT_FIRST, AT_COLUMNS, AT_ROWS, AT_PREPARED, AT_DEFINITIONS } at;
	/* packets of column definitions that are still to come */
	uint64_t left;

	/* prepared statements */
	uint32_t serial;                        /* of the latest PREPARE */
	uint8_t n_laden;                        /* of `laden` */
	bool crowded;                           /* others have been sent long data, too */
	uint64_t last;                          /* its key in the text cache */
	/* statements that have been sent long data */
	uint32_t laden[LADEN_MAX];
};

static const char
	RAW_EARLY[] = "the client sent bytes before the server's greeting",
	RAW_OLD[] = "the old handshake is not understood", RAW_TLS[] = "TLS begins",
	RAW_ORDER[] = "packets are out of order", RAW_COMMAND[] = "an unknown command",
	RAW_BINLOG[] = "replication", RAW_ANSWER[] = "the server's answer is not understood",
	RAW_UNASKED[] = "the server sent what no request waits for",
	RAW_COMPRESSION[] = "the client asked for compression, which begins behind the login",
	TLS_TAKEN[] =
		"TLS was taken out of the server's greeting, so that messages can be read "
		"(--protocol-mysql-tls pass leaves it in)",
	NO_TLS[] = "the backend has no TLS: its greeting does not offer it",
	TWICE[] = "a client asked for TLS inside TLS",
	UNASKED_TLS[] = "a client asked for TLS that it was not offered";

/* ---- bytes ---- */

static uint32_t le16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t le24(const uint8_t *p) { return le16(p) | (uint32_t)p[2] << 16; }
static uint32_t le32(const uint8_t *p) { return le24(p) | (uint32_t)p[3] << 24; }

/* n bytes of len are at hand */
struct packet { const uint8_t *p; size_t n; uint32_t len; uint8_t seq; };

static bool packet_read(struct packet *k, struct vn_span in, uint64_t at)
{
	if (at >= in.n || in.n - at < HEAD)
		return false;
	size_t n = in.n - at - HEAD;
	k->len = le24(in.p + at);
	k->seq = in.p[at + 3];
	k->p = in.p + at + HEAD;
	k->n = n < k->len ? n : k->len;
	return true;
}

/* so many bytes, or all there are */
static bool packet_has(const struct packet *k, size_t n)
{
	return k->n >= (n < k->len ? n : k->len);
}

/* `bad` stays set, and all that is read then is 0 */
struct reader { const uint8_t *p; size_t n, at; bool bad; };

static const uint8_t *reader_take(struct reader *r, uint64_t n)
{
	if (r->bad || n > r->n - r->at) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return r->p + r->at - n;
}

static uint8_t reader_byte(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);

	return p ? *p : 0;
}

/* An integer that says its own length. */
static uint64_t reader_lenenc(struct reader *r)
{
	uint8_t first = reader_byte(r);
	unsigned bytes = first == 0xfc ? 2 : first == 0xfd ? 3 : first == 0xfe ? 8 : 0;
	const uint8_t *p = reader_take(r, bytes);
	uint64_t v = 0;

	if (!bytes || !p)
		return first;
	for (unsigned i = bytes; i--; )
		v = v << 8 | p[i];
	return v;
}

static struct vn_span reader_cstring(struct reader *r)
{
	const uint8_t *p = r->p + r->at, *nul = r->bad ? NULL : memchr(p, 0, r->n - r->at);

	r->bad |= !nul;
	if (r->bad)
		return (struct vn_span){ 0 };
	r->at += (size_t)(nul - p) + 1;
	return (struct vn_span){ p, (size_t)(nul - p) };
}

/* ---- SQL: what a statement does ---- */

/* What it is besides: what a server that is --read-only refuses, what a read-only transaction does,
 * and what only waits for locks. */
enum {
	IS_FORBIDDEN = VN_IS_OWN << 0,
	IS_FORBIDDEN_THERE = VN_IS_OWN << 1,
	IS_LOCKING = VN_IS_OWN << 2,
	FORBIDDEN = IS_FORBIDDEN | IS_FORBIDDEN_THERE,
	WRITES = VN_IS_WRITE | FORBIDDEN,
	THERE = VN_IS_WRITE | IS_FORBIDDEN_THERE,
};

static const char *const own[] = { "what read-only forbids", "what a read-only transaction forbids",
	                           "locks", NULL };

static const struct vn_sql_keyword keywords[] = {
	{ "FOR UPDATE", FORBIDDEN | IS_LOCKING, VN_SQL_INSIDE | VN_SQL_OF_TABLE },
	{ "LOCK IN SHARE MODE", IS_LOCKING, VN_SQL_INSIDE },
	{ "FOR SHARE", IS_LOCKING, VN_SQL_INSIDE },
	{ "nextval|setval (", WRITES, VN_SQL_INSIDE },
	{ "NEXT VALUE FOR", WRITES, VN_SQL_INSIDE },

	{ "SELECT", VN_IS_READ, VN_SQL_QUERY },
	{ "WITH ?RECURSIVE", VN_IS_READ, VN_SQL_QUERY | VN_SQL_WITH },
	{ "TABLE", VN_IS_READ, VN_SQL_QUERY | VN_SQL_OF_TABLE },
	{ "VALUES|VALUE", VN_IS_READ, VN_SQL_QUERY },
	{ "INSERT *LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|INTO @", WRITES,
	  VN_SQL_QUERY | VN_SQL_ALLOWED },
	{ "REPLACE *LOW_PRIORITY|DELAYED|INTO @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED },
	{ "UPDATE *LOW_PRIORITY|IGNORE @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED },
	{ "DELETE *LOW_PRIORITY|QUICK|IGNORE FROM @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED },
	{ "INSERT|REPLACE|UPDATE|DELETE", WRITES, VN_SQL_QUERY },
	{ "DO", VN_IS_READ, VN_SQL_QUERY },
	{ "CALL", VN_IS_WRITE, VN_SQL_QUERY },
	{ "SHOW VARIABLES|SESSION|GLOBAL|COLLATION|CHARACTER|CHARSET|WARNINGS",
	  VN_IS_READ | VN_IS_SETUP, VN_SQL_QUERY },
	{ "SHOW", VN_IS_READ, VN_SQL_QUERY },
	{ "CREATE *OR|REPLACE TEMPORARY TABLE ?IF ?NOT ?EXISTS @", THERE,
	  VN_SQL_QUERY | VN_SQL_TEMPORARY },
	{ "SET PASSWORD", WRITES, VN_SQL_QUERY },
	{ "SET DEFAULT ROLE", WRITES, VN_SQL_QUERY },
	{ "SET STATEMENT .. FOR", 0, VN_SQL_PREFIX | VN_SQL_QUERY },
	{ "SET", VN_IS_SETUP, VN_SQL_QUERY },

	{ "HELP", VN_IS_READ },
	{ "HANDLER", VN_IS_READ },
	{ "CHECKSUM", VN_IS_READ },
	{ "EXPLAIN|DESC|DESCRIBE", VN_IS_READ, VN_SQL_EXPLAINS },
	{ "ANALYZE ?NO_WRITE_TO_BINLOG|LOCAL TABLE|TABLES", VN_IS_WRITE | IS_FORBIDDEN },
	{ "ANALYZE", VN_IS_READ, VN_SQL_ANALYZES },
	{ "LOAD INDEX", 0 },
	{ "LOAD DATA|XML .. TABLE @", WRITES, VN_SQL_ALLOWED },
	{ "LOAD", WRITES },
	{ "TRUNCATE ?TABLE @", WRITES, VN_SQL_ALLOWED },
	{ "OPTIMIZE ?NO_WRITE_TO_BINLOG|LOCAL TABLE|TABLES @", WRITES, VN_SQL_ALLOWED },
	{ "OPTIMIZE", WRITES },
	{ "REPAIR", THERE },
	{ "CHECK", VN_IS_READ },
	{ "FLUSH ?NO_WRITE_TO_BINLOG|LOCAL TABLE|TABLES .. FOR EXPORT",
	  IS_FORBIDDEN_THERE | IS_LOCKING },
	{ "FLUSH ?NO_WRITE_TO_BINLOG|LOCAL TABLE|TABLES @ .. WITH READ LOCK",
	  IS_FORBIDDEN_THERE | IS_LOCKING },
	{ "FLUSH|BACKUP", IS_LOCKING },
	{ "LOCK TABLE|TABLES @ ?AS *LOW_PRIORITY WRITE", FORBIDDEN | IS_LOCKING, VN_SQL_ALLOWED },
	{ "LOCK TABLE|TABLES .. WRITE", FORBIDDEN | IS_LOCKING },
	{ "LOCK", IS_LOCKING },
	{ "UNLOCK", 0 },
	{ "BEGIN NOT ATOMIC", 0, VN_SQL_PREFIX },
	{ "BEGIN", VN_IS_BEGIN | VN_IS_PRELUDE },
	{ "START TRANSACTION .. WRITE", VN_IS_BEGIN | VN_IS_PRELUDE | IS_FORBIDDEN },
	{ "START TRANSACTION", VN_IS_BEGIN | VN_IS_PRELUDE },
	{ "START", 0 },
	{ "COMMIT", VN_IS_COMMIT | VN_IS_PRELUDE },
	{ "ROLLBACK ?WORK TO", 0 },
	{ "ROLLBACK", VN_IS_ROLLBACK | VN_IS_PRELUDE },
	{ "SAVEPOINT|RELEASE", 0 },
	{ "XA START|BEGIN", VN_IS_BEGIN },
	{ "XA COMMIT", VN_IS_COMMIT },
	{ "XA ROLLBACK", VN_IS_ROLLBACK },
	{ "XA", 0 },
	{ "PREPARE @ FROM", 0, VN_SQL_PREPARES },
	{ "EXECUTE IMMEDIATE", VN_IS_READ, VN_SQL_IMMEDIATE },
	{ "EXECUTE @", VN_IS_READ, VN_SQL_EXECUTES },
	{ "DEALLOCATE|DROP PREPARE @", 0, VN_SQL_FORGETS },
	/* parts of a compound statement */
	{ "IF|ELSEIF|WHEN|CASE .. THEN", VN_IS_READ, VN_SQL_PREFIX },
	{ "WHILE|FOR .. DO", VN_IS_READ, VN_SQL_PREFIX },
	{ "ELSE|LOOP|REPEAT", VN_IS_READ, VN_SQL_PREFIX },
	{ "DECLARE .. CURSOR .. FOR", VN_IS_READ, VN_SQL_PREFIX },
	{ "END|UNTIL|DECLARE|LEAVE|ITERATE|RETURN|OPEN|FETCH|CLOSE|NULL", 0 },

	{ "DROP TEMPORARY TABLE|TABLES ?IF ?EXISTS @", THERE, VN_SQL_DROPS },
	{ "DROP TABLE|TABLES ?IF ?EXISTS @", WRITES, VN_SQL_DROPS | VN_SQL_ALLOWED },
	{ "ALTER *ONLINE|IGNORE TABLE ?IF ?EXISTS @", WRITES, VN_SQL_ALLOWED },
	{ "CREATE *OR|REPLACE|UNIQUE|FULLTEXT|SPATIAL INDEX ?IF ?NOT ?EXISTS .. ON @", WRITES,
	  VN_SQL_ALLOWED },
	{ "DROP INDEX ?IF ?EXISTS .. ON @", WRITES, VN_SQL_ALLOWED },
	{ "CREATE|ALTER|DROP|RENAME|GRANT|REVOKE|INSTALL|UNINSTALL|IMPORT", WRITES },

	{ "USE", VN_IS_SETUP },
	{ "KILL|HELP|GET|SIGNAL|RESIGNAL|CACHE|RESET|STOP|CHANGE|SHUTDOWN|RESTART|CLONE|BINLOG",
	  0 },
	{ "PURGE", 0 },
	{ 0 }
};

static bool starts(struct vn_span s, const char *with)
{
	return s.n >= strlen(with) && !memcmp(s.p, with, strlen(with));
}

/* What only a server of some version executes: digits behind what opens it. 0: none. */
static uint32_t version_read(struct vn_span s, size_t *n)
{
	uint32_t version = 0;
	size_t from = *n;

	for (; *n < s.n && *n < from + 6 && s.p[*n] >= '0' && s.p[*n] <= '9'; ++*n)
		version = version * 10 + s.p[*n] - '0';
	return version;
}

static size_t comment_end(struct vn_span s, size_t n, const char *stop)
{
	const uint8_t *end = s.n > n ? memmem(s.p + n, s.n - n, stop, strlen(stop)) : NULL;

	return end ? (size_t)(end - s.p) + strlen(stop) : s.n;
}

/* Some comments are none: their text is executed, by a server that is as new as they say. */
enum {
	/* versions of MySQL that MariaDB does not claim to be */
	MARIADB_HOLE_FROM = 50700, MARIADB_HOLE_TO = 99999,
	NEWEST = 990000, MYSQL_NEWEST = 99000,
};

static size_t comment_find(struct vn_span s, bool mariadb)
{
	bool theirs = mariadb && starts(s, "/*M!");
	size_t n = theirs ? 4 : 3;

	if (theirs || starts(s, "/*!")) {
		uint32_t version = version_read(s, &n);
		bool hole = version >= MARIADB_HOLE_FROM && version <= MARIADB_HOLE_TO;
		bool runs = mariadb ? version < NEWEST && (theirs || !hole) :
		                      version < MYSQL_NEWEST;
		return runs ? n : comment_end(s, n, "*/");
	}
	if (starts(s, "*/"))
		return 2;
	if (starts(s, "/*"))
		return comment_end(s, 2, "*/");
	return s.p[0] == '#' || (starts(s, "--") && (s.n == 2 || s.p[2] <= ' ')) ?
	               comment_end(s, 1, "\n") :
	               0;
}

/* For a match: what a server executes is no comment. */
static size_t plain_comment_length(struct vn_span s)
{
	if (starts(s, "/*!") || starts(s, "/*M!") || starts(s, "*/"))
		return 0;
	if (starts(s, "/*"))
		return comment_end(s, 2, "*/");
	return s.p[0] == '#' || (starts(s, "--") && (s.n == 2 || s.p[2] <= ' ')) ?
	               comment_end(s, 1, "\n") :
	               0;
}

static size_t comment_length(struct vn_span s)
{
	return comment_find(s, false);
}

static size_t mariadb_comment_length(struct vn_span s)
{
	return comment_find(s, true);
}

static const struct vn_sql sql = {
	.keywords = keywords,
	.comment = comment_length,
	.backslash = true,
	.names = "`",
	.own = FORBIDDEN,
	.explains = true,
	.prepares = IS_FORBIDDEN_THERE,
};
static const struct vn_sql mariadb_sql = {
	.keywords = keywords,
	.comment = mariadb_comment_length,
	.backslash = true,
	.names = "`",
	.own = FORBIDDEN,
	.explains = true,
	.prepares = IS_FORBIDDEN_THERE,
};

/* ---- query attributes: values before the text of a QUERY ---- */

/* 0: says its length, -1: in a byte */
static const struct { uint8_t first, last; int8_t bytes;
} value_sizes[] = {
	{ 0x01, 0x01, 1 },  { 0x02, 0x02, 2 }, { 0x03, 0x04, 4 }, { 0x05, 0x05, 8 },
	{ 0x07, 0x07, -1 }, { 0x08, 0x08, 8 }, { 0x09, 0x09, 4 }, { 0x0a, 0x0c, -1 },
	{ 0x0d, 0x0d, 2 },  { 0x0e, 0x10, 0 }, { 0xf4, 0xf4, 1 }, { 0xf5, 0xff, 0 },
};

static void value_skip(struct reader *r, uint8_t type)
{
	if (type == 0x00)               /* DECIMAL, as text */
		type = 0xf6;
	for (size_t i = 0; i < sizeof value_sizes / sizeof value_sizes[0]; i++)
		if (type >= value_sizes[i].first && type <= value_sizes[i].last) {
			int8_t bytes = value_sizes[i].bytes;
			reader_take(r, bytes > 0 ? (uint64_t)bytes :
			               bytes     ? reader_byte(r) :
			                           reader_lenenc(r));
			return;
		}
	r->bad |= type != 0x06;         /* NULL */
}

/* Go behind the attributes. Where they are not whole or not understood, the reader is bad then. */
static void attributes_skip(struct reader *r)
{
	uint64_t n = reader_lenenc(r);

	reader_lenenc(r);               /* sets of them: always 1 */
	if (!n || r->bad)
		return;
	const uint8_t *nulls = reader_take(r, n / 8 + (n % 8 != 0));
	r->bad |= reader_byte(r) != 1;
	struct reader types = *r;
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		reader_take(r, 2);
		reader_take(r, reader_lenenc(r));       /* its name */
	}
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		const uint8_t *type = reader_take(&types, 2);
		reader_take(&types, reader_lenenc(&types));
		if (!(nulls[i / 8] >> i % 8 & 1))
			value_skip(r, *type);
	}
}

/* ---- commands ---- */

/* what its payload says, behind the first byte */
enum about { NOTHING, TEXT, SQL, STATEMENT, USER, LONG_DATA };

static const struct command {
	const char *verb;               /* NULL: unknown */
	enum shape shape;
	enum vn_role role;
	enum about about;
	unsigned is;
	bool endless;                   /* the server does not stop answering */
} commands[256] = {
	[0x01] = { "QUIT", .role = VN_SILENT, .is = VN_IS_COMMAND },
	[0x02] = { "INIT_DB", .about = TEXT, .is = VN_IS_COMMAND | VN_IS_SETUP },
	[0x03] = { "QUERY", RESULT, .about = SQL, .is = VN_IS_COMMAND | VN_IS_STATEMENT },
	[0x04] = { "FIELD_LIST", ROWS, .about = TEXT, .is = VN_IS_COMMAND },
	[0x05] = { "CREATE_DB", .about = TEXT, .is = VN_IS_COMMAND | WRITES },
	[0x06] = { "DROP_DB", .about = TEXT, .is = VN_IS_COMMAND | WRITES },
	[0x07] = { "REFRESH", .is = VN_IS_COMMAND },
	[0x08] = { "SHUTDOWN", .is = VN_IS_COMMAND },
	[0x09] = { "STATISTICS", .is = VN_IS_COMMAND },
	[0x0a] = { "PROCESS_INFO", RESULT, .is = VN_IS_COMMAND },
	[0x0c] = { "PROCESS_KILL", .is = VN_IS_COMMAND },
	[0x0d] = { "DEBUG", .is = VN_IS_COMMAND },
	[0x0e] = { "PING", .is = VN_IS_COMMAND | VN_IS_PRELUDE },
	[0x11] = { "CHANGE_USER", LOGIN, .about = USER, .is = VN_IS_LOGIN },
	[0x12] = { "BINLOG_DUMP", .endless = true },
	[0x13] = { "TABLE_DUMP", .endless = true },
	[0x15] = { "REGISTER_SLAVE", .is = VN_IS_COMMAND },
	[0x16] = { "PREPARE", PREPARED, .about = TEXT, .is = VN_IS_COMMAND },
	[0x17] = { "EXECUTE", RESULT, .about = STATEMENT, .is = VN_IS_COMMAND | VN_IS_STATEMENT },
	[0x18] = { "LONG_DATA", .role = VN_SILENT, .about = LONG_DATA, .is = VN_IS_COMMAND },
	[0x19] = { "CLOSE", .role = VN_SILENT, .about = STATEMENT, .is = VN_IS_COMMAND },
	[0x1a] = { "RESET", .about = STATEMENT, .is = VN_IS_COMMAND },
	[0x1b] = { "SET_OPTION", .is = VN_IS_COMMAND | VN_IS_SETUP },
	[0x1c] = { "FETCH", ROWS, .about = STATEMENT, .is = VN_IS_COMMAND },
	[0x1e] = { "BINLOG_DUMP_GTID", .endless = true },
	[0x1f] = { "RESET_CONNECTION", .is = VN_IS_COMMAND | VN_IS_SETUP },
	[0x20] = { "CLONE", .endless = true },
	[0x21] = { "SUBSCRIBE", .endless = true },
	[0xfa] = { "BULK_EXECUTE", RESULT, .about = STATEMENT,
	           .is = VN_IS_COMMAND | VN_IS_STATEMENT },
};
enum {
	COM_PING = 0x0e, COM_PREPARE = 0x16, COM_EXECUTE = 0x17, COM_CLOSE = 0x19, COM_RESET = 0x1a,
	COM_RESET_CONNECTION = 0x1f, COM_KILL = 0x0c,
};

static bool is_mariadb(const struct mysql *s)
{
	return s->mariadb;
}

/* Whose words it has. */
enum flavour { UNKNOWN, MARIADB, MYSQL, OLD_MYSQL };    /* OLD: before 8.0.24 */

/* Of this connection's server; before its greeting, of the one that an earlier connection met. */
static enum flavour flavour_of(const struct vn_session *t)
{
	return (enum flavour)vn_backend_note_get(t->backend_note);
}

static const struct vn_sql *dialect(const struct mysql *s)
{
	return is_mariadb(s) ? &mariadb_sql : &sql;
}

/* What drivers ask of the session. */
static bool reads_session(const struct vn_session *t, struct vn_span text)
{
	static const char *const what[] = {
		"@@", "VERSION(", "DATABASE(", "SCHEMA(", "CONNECTION_ID(", "USER(",
		"CURRENT_USER(", "CAST('test ", NULL
	};

	return vn_sql_selects(text, dialect(t->state)->comment, what);
}

static void sql_tell(struct vn_session *t, struct vn_message *m)
{
	unsigned is = vn_sql_judge(t, dialect(t->state), &m->subject).is;

	if (is == VN_IS_READ && reads_session(t, m->subject))
		is |= VN_IS_SETUP;
	m->is |= is;
}

static uint32_t note_number(uint64_t note) { return (uint32_t)(note >> NOTE_NUMBER_SHIFT); }
/* in the text cache, until it has its id */
static uint64_t pending_key(uint32_t serial) { return 1ull << 32 | serial; }

static bool laden_find(const struct mysql *s, uint32_t id, unsigned *at)
{
	for (*at = 0; *at < s->n_laden; ++*at)
		if (s->laden[*at] == id)
			return true;
	return false;
}

static void laden_add(struct mysql *s, uint32_t id)
{
	unsigned at;

	if (laden_find(s, id, &at))
		return;
	if (s->n_laden == LADEN_MAX)
		s->crowded = true;
	else
		s->laden[s->n_laden++] = id;
}

/* Has this statement been sent long data? It has none now. The last prepared may go by two ids:
 * then, yes. */
static bool laden_take(struct mysql *s, uint32_t id)
{
	bool any = s->n_laden || s->crowded, found = s->crowded;
	const uint32_t ids[] = { id, LAST_PREPARED };
	unsigned at;

	for (unsigned i = 0; i < 2; i++)
		if (laden_find(s, ids[i], &at)) {
			s->laden[at] = s->laden[--s->n_laden];
			found = true;
		}
	return id == LAST_PREPARED ? any : found;
}

/* The text that an EXECUTE, or a similar command, runs. */
static void statement_read(struct vn_session *t, const struct packet *k, struct vn_message *m)
{
	struct mysql *s = t->state;
	uint32_t id = k->n >= 5 ? le32(k->p + 1) : 0;
	uint8_t command = k->p[0];
	bool runs = m->is & VN_IS_STATEMENT;

	m->subject = vn_text_cache_get(t->texts, id == LAST_PREPARED ? s->last : id);
	m->lead = vn_sql_lead(m->subject, plain_comment_length);
	if (runs)
		sql_tell(t, m);
	if (runs && !m->subject.n)
		m->is |= VN_IS_UNKNOWN;         /* its text is not kept any more */
	if (command == COM_EXECUTE && k->n >= 6 && k->p[5] & 7)
		m->note |= NOTE_CURSOR;
	if ((runs || command == COM_RESET || command == COM_CLOSE) && laden_take(s, id) && runs)
		m->note |= NOTE_LADEN | (uint64_t)id << NOTE_NUMBER_SHIFT;
}

/* True: *text is the statement, or as much of it as is looked at. */
static bool sql_read(const struct mysql *s, const struct packet *k, struct vn_span *text)
{
	struct reader r = { k->p, k->n < WAIT_MAX ? k->n : WAIT_MAX, .at = 1 };

	if (s->can & CAN_ATTRIBUTES)
		attributes_skip(&r);
	size_t n = r.bad ? 0 : r.n - r.at;
	if (k->n < k->len && n < SUBJECT_MAX && k->n < WAIT_MAX)
		return false;
	*text = (struct vn_span){ r.p + r.at, n < SUBJECT_MAX ? n : SUBJECT_MAX };
	return true;
}

static void prepare_keep(struct vn_session *t, struct vn_message *m)
{
	struct mysql *s = t->state;

	s->last = pending_key(++s->serial);
	m->lead = vn_sql_lead(m->subject, plain_comment_length);
	m->note |= (uint64_t)s->serial << NOTE_NUMBER_SHIFT;
	vn_text_cache_put(t->texts, s->last, m->subject);
}

/* Say "user" or "user database". */
static struct vn_span login_subject(struct vn_session *t, struct vn_span user, struct vn_span db)
{
	size_t at = vn_buffer_span(t->scratch).n;

	if (!db.n)
		return user;
	vn_buffer_put(t->scratch, user.p, user.n);
	vn_buffer_byte(t->scratch, ' ');
	vn_buffer_put(t->scratch, db.p, db.n);
	return (struct vn_span){ vn_buffer_span(t->scratch).p + at, user.n + 1 + db.n };
}

/* The user's name, and whether there is a password: some methods say "none" by a zero. */
static uint64_t login_note(struct vn_span user, uint64_t n, const uint8_t *proof)
{
	bool password = n > 1 || (n == 1 && proof && *proof);

	return (uint64_t)(user.n << 1 | password) << NOTE_NUMBER_SHIFT;
}

static void change_user_read(struct vn_session *t, const struct packet *k, struct vn_message *m)
{
	struct reader r = { k->p, k->n < LOGIN_PEEK ? k->n : LOGIN_PEEK, .at = 1 };
	struct vn_span user = reader_cstring(&r);
	uint8_t n = reader_byte(&r);

	m->note |= login_note(user, n, reader_take(&r, n));
	m->subject = login_subject(t, user, reader_cstring(&r));
}

/* Fill in what the command is about. False: more of it must be seen. */
static bool command_read(struct vn_session *t, const struct packet *k, enum about about,
                         struct vn_message *m)
{
	struct mysql *s = t->state;

	switch (about) {
	case NOTHING:
		return true;
	case TEXT:
		m->subject = (struct vn_span){ k->p + 1,
			                       k->n - 1 < SUBJECT_MAX ? k->n - 1 : SUBJECT_MAX };
		if (k->p[0] == COM_PREPARE && reads_session(t, m->subject))
			m->is |= VN_IS_SETUP;
		return packet_has(k, 1 + SUBJECT_MAX);
	case SQL:
		if (!sql_read(s, k, &m->subject))
			return false;
		sql_tell(t, m);
		m->lead = vn_sql_lead(m->subject, plain_comment_length);
		return true;
	case STATEMENT:
		if (!packet_has(k, 6))
			return false;
		statement_read(t, k, m);
		return true;
	case USER:
		if (!packet_has(k, LOGIN_PEEK))
			return false;
		change_user_read(t, k, m);
		return true;
	case LONG_DATA:
		if (!packet_has(k, 5))
			return false;
		if (k->n >= 5)
			laden_add(s, le32(k->p + 1));
		return true;
	}
	return true;
}

static struct vn_cut request_take(struct mysql *s, const struct packet *k)
{
	s->asking = k->len == FULL;
	s->long_seq[s->slot] = k->seq;
	s->upload_seq = (uint8_t)(k->seq + 1);
	return (struct vn_cut){ .kind = s->asking ? VN_CUT_PART : VN_CUT_END,
		                .len = HEAD + (uint64_t)k->len };
}

/* "KILL QUERY 7", "KILL 7": the thread; 0: it is none of these. */
static uint32_t kill_read(struct vn_span text, uint16_t lead)
{
	char words[64];
	unsigned thread = 0;
	size_t n = text.n > lead ? text.n - lead : 0;

	n = n < sizeof words - 1 ? n : sizeof words - 1;
	memcpy(words, n ? text.p + lead : text.p, n);
	words[n] = 0;
	if (strncasecmp(words, "KILL ", 5))
		return 0;
	static const char *const between[] = { "HARD ", "SOFT ", "CONNECTION ", "QUERY " };
	const char *p = words + 5;
	for (size_t i = 0; i < sizeof between / sizeof between[0]; i++)
		if (!strncasecmp(p, between[i], strlen(between[i])))
			p += strlen(between[i]);
	return sscanf(p, "%u", &thread) == 1 ? thread : 0;
}

/* What differs when a statement is executed again: its id, and how many rows are wanted. */
static void report_fill(struct vn_report *r, const struct packet *k, enum about about,
                        const struct vn_message *m)
{
	if (about == STATEMENT)
		r->given = HEAD + (k->p[0] == COM_EXECUTE ? 10 : 5);
	if (about == SQL)
		r->cancels = kill_read(m->subject, m->lead);
	if (k->p[0] == COM_KILL && k->n >= 5)
		r->cancels = le32(k->p + 1);
}

static bool mysql_has_id(const void *state, uint64_t id)
{
	const struct mysql *s = state;

	return s->thread && s->thread == id;
}

static struct vn_cut command_request(struct vn_session *t, const struct packet *k,
                                     struct vn_message *m)
{
	struct mysql *s = t->state;

	if (k->len && !k->n)
		return vn_cut_more();
	const struct command *c = k->len ? &commands[k->p[0]] : NULL;
	if (k->seq || !c || !c->verb || c->endless)
		return vn_cut_raw(t, k->seq          ? RAW_ORDER :
		                     c && c->endless ? RAW_BINLOG :
		                                       RAW_COMMAND);
	*m = (struct vn_message){ .role = c->role, .is = c->is, .note = c->shape };
	if (!command_read(t, k, c->about, m))
		return vn_cut_more();
	strcpy(m->verb, c->verb);
	if (t->report)
		report_fill(t->report, k, c->about, m);
	if (k->p[0] == COM_PREPARE)
		prepare_keep(t, m);
	if (k->p[0] == COM_RESET_CONNECTION || c->shape == LOGIN) {
		s->n_laden = 0;
		s->crowded = false;
	}
	s->logging_in |= c->shape == LOGIN;
	if (k->len == FULL) {
		s->slot = (s->slot + 1) % LONG_SLOTS;
		m->note |= NOTE_LONG | (uint64_t)s->slot << NOTE_SLOT_SHIFT;
	}
	return request_take(s, k);
}

/* A packet of the exchange that is open: an answer to a question of the login, or a piece of a
 * file. */
static struct vn_cut continuing_request(struct vn_session *t, const struct packet *k,
                                        struct vn_message *m)
{
	struct mysql *s = t->state;

	*m = (struct vn_message){ .role = VN_GOES_ON, .note = s->uploading ? RESULT : LOGIN };
	if (!s->uploading && mysql_tls_differ(&s->tls) && k->n < k->len)
		return k->len < WAIT_MAX ? vn_cut_more() : vn_cut_raw(t, RAW_ORDER);
	strcpy(m->verb, s->uploading ? "FILE" : "AUTH");
	if (s->uploading && !k->len)
		s->uploading = false;
	s->slot = (s->slot + 1) % LONG_SLOTS;
	struct vn_cut cut = request_take(s, k);
	if (!s->uploading && mysql_tls_differ(&s->tls))
		cut = mysql_tls_request(t, &s->tls, (struct vn_span){ k->p - HEAD, HEAD + k->n });
	return cut;
}

/* What the client says of itself at the login: its capabilities, its name, the database. */
static void login_read(struct vn_session *t, const struct packet *k, uint32_t can,
                       struct vn_message *m)
{
	struct mysql *s = t->state;
	struct reader r = { k->p, k->n < LOGIN_PEEK ? k->n : LOGIN_PEEK, .at = 32 };
	struct vn_span user = reader_cstring(&r), db = { 0 };
	uint64_t proof;

	s->can = can & s->offers & ~s->taken;
	s->can_extended = (can | s->offers) & CAN_MYSQL ? 0 : le32(k->p + 28) & s->offers_extended;
	if (can & (CAN_LONG_AUTH | CAN_SECURE)) {
		proof = can & CAN_LONG_AUTH ? reader_lenenc(&r) : reader_byte(&r);
		m->note |= login_note(user, proof, reader_take(&r, proof));
	} else {
		m->note |= login_note(user, reader_cstring(&r).n, NULL);
	}
	if (can & CAN_DB)
		db = reader_cstring(&r);
	m->subject = login_subject(t, user, db);
}

/* Nothing more is read of this client. */
static struct vn_cut login_reject(struct vn_session *t, const struct packet *k, const char *why)
{
	t->notice = why;
	t->close = true;
	return (struct vn_cut){ VN_CUT_END, HEAD + k->n, .replaced = true, .back = true };
}

/* 32 bytes of a login ask for TLS: here the client does ... */
static struct vn_cut client_upgrade(struct vn_session *t, const struct packet *k,
                                    struct vn_message *m)
{
	struct mysql *s = t->state;
	bool offered = (t->tls & (VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_NEVER)) == VN_TLS_CLIENT_MAY;

	*m = (struct vn_message){ .role = VN_SILENT, .verb = "TLS" };
	if (!t->tls)
		return vn_cut_raw(t, RAW_TLS);
	if (t->secure & VN_LEG_CLIENT || !offered)
		return login_reject(t, k, offered ? TWICE : UNASKED_TLS);
	s->tls.upgraded |= VN_LEG_CLIENT;
	return (struct vn_cut){
		VN_CUT_TLS, HEAD + k->len, .leg = VN_LEG_CLIENT, .eager = true
	};
}

static void capabilities_put(struct vn_buffer *o, uint32_t can)
{
	const uint8_t b[] = { (uint8_t)can, (uint8_t)(can >> 8), (uint8_t)(can >> 16),
		              (uint8_t)(can >> 24) };

	vn_buffer_put(o, b, sizeof b);
}

/* ... and here we do: the server wants the capabilities and the character set of the login. */
static struct vn_cut backend_upgrade(struct vn_session *t, const struct packet *k)
{
	struct mysql *s = t->state;

	s->tls.upgraded |= VN_LEG_BACKEND;
	vn_buffer_put(t->scratch, (const uint8_t[]){ 32, 0, 0, 1 }, HEAD);
	capabilities_put(t->scratch, le32(k->p) | CAN_SSL);
	vn_buffer_put(t->scratch, k->p + 4, 32 - 4);
	return (struct vn_cut){ VN_CUT_TLS, .leg = VN_LEG_BACKEND,
		                .instead = vn_buffer_span(t->scratch) };
}

/* The capabilities that the server is to see in a login. A client may want what it was not offered.
 * TLS would begin with one more packet, which does not come (PyMySQL): a server without it is not
 * to wait for that. */
static uint32_t login_shows(const struct vn_session *t, uint32_t can)
{
	const struct mysql *s = t->state;

	if (!t->tls)
		return can & ~(can & s->taken & CAN_SSL);
	return s->tls.upgraded & VN_LEG_BACKEND ? can | CAN_SSL : can & ~CAN_SSL;
}

static struct vn_cut login_request(struct vn_session *t, const struct packet *k,
                                   struct vn_message *m)
{
	struct mysql *s = t->state;

	if (!packet_has(k, LOGIN_PEEK))
		return vn_cut_more();
	if (k->len < 32 || !(le32(k->p) & CAN_41))
		return vn_cut_raw(t, RAW_OLD);
	uint32_t can = le32(k->p), shows = login_shows(t, can);
	if (can & CAN_SSL && k->len == 32)
		return client_upgrade(t, k, m);
	bool rejected = t->tls & VN_TLS_CLIENT_MUST && !(t->secure & VN_LEG_CLIENT);
	if (t->tls & VN_TLS_BACKEND && !(t->secure & VN_LEG_BACKEND) && !rejected)
		return backend_upgrade(t, k);
	mysql_tls_begin(&s->tls);
	bool other = shows != can || s->tls.shift;
	if (other && k->n < k->len)
		return vn_cut_more();
	/* Compression begins by itself (PHP): the server, which did offer it, is to know. */
	s->compressed = can & s->taken & (CAN_COMPRESS | CAN_ZSTD);
	if (other) {
		vn_buffer_put(t->scratch, k->p - HEAD, HEAD - 1);
		vn_buffer_byte(t->scratch, (uint8_t)(k->seq - s->tls.shift));
		capabilities_put(t->scratch, shows);
		vn_buffer_put(t->scratch, k->p + 4, k->len - 4);
	}
	s->phase = COMMANDS;
	s->logging_in = true;
	*m = (struct vn_message){
		.role = VN_ASKS, .is = VN_IS_LOGIN, .verb = "LOGIN", .note = LOGIN,
		.failure = rejected ? "insecure_transport" : NULL
	};
	login_read(t, k, can, m);
	struct vn_cut cut = request_take(s, k);
	cut.replaced = other;
	cut.instead = (struct vn_span){ vn_buffer_span(t->scratch).p, other ? HEAD + k->len : 0 };
	return cut;
}

static struct vn_cut mysql_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct mysql *s = t->state;
	struct packet k;
	struct vn_cut cut;

	if (s->phase == UNGREETED)      /* at once, as the server may wait for it */
		return vn_cut_raw(t, RAW_EARLY);
	if (mysql_tls_waits(&s->tls))
		return mysql_tls_password(t, &s->tls, in);
	if (!packet_read(&k, in, 0))
		return vn_cut_more();
	if (s->asking)
		return request_take(s, &k);
	if (s->phase != COMMANDS)
		cut = login_request(t, &k, m);
	else if (s->uploading && k.seq == s->upload_seq)
		cut = continuing_request(t, &k, m);
	/* a client that sends commands ahead numbers them from 0 */
	else if (s->logging_in && k.seq)
		cut = continuing_request(t, &k, m);
	else
		cut = command_request(t, &k, m);
	m->head = HEAD;
	m->seq = k.seq;
	return cut;
}

/* ---- answers ---- */

/* a packet: the answer goes on | ends with it | is not understood */
enum step { ON, END, BAD };

/* The status in an OK packet, or in an EOF packet. */
static unsigned packet_status(const struct mysql *s, const struct packet *k)
{
	struct reader r = { k->p, k->n, .at = 1 };

	if (k->p[0] == 0xfe && !(s->can & CAN_DROP_EOF)) {
		reader_take(&r, 2);
	} else {
		reader_lenenc(&r);
		reader_lenenc(&r);
	}
	const uint8_t *p = reader_take(&r, 2);
	return p ? le16(p) : 0;
}

static bool is_error(const struct packet *k)
{
	return k->len && k->p[0] == 0xff;
}

/* MariaDB says how far it has come in packets that look like errors. */
static bool is_progress(const struct packet *k)
{
	return is_error(k) && k->len >= 3 && le16(k->p + 1) == 0xffff;
}

static bool is_end(const struct mysql *s, const struct packet *k)
{
	return k->len && k->p[0] == 0xfe && k->len < (s->can & CAN_DROP_EOF ? FULL : 9);
}

/* The end of one result. */
static enum step result_end(struct mysql *s, unsigned status)
{
	s->at = AT_FIRST;
	s->in_transaction = status & STATUS_IN_TRANSACTION;
	return status & STATUS_MORE_RESULTS ? ON : END;
}

static enum step step_first(struct mysql *s, const struct packet *k)
{
	struct reader r = { k->p, k->n, .at = 0 };

	if (!k->len)
		return BAD;
	if (k->p[0] == 0x00 || is_end(s, k))
		return result_end(s, packet_status(s, k));
	if (k->p[0] == 0xfb) {
		s->uploading = true;
		s->upload_seq = (uint8_t)(k->seq + 1);
		return ON;
	}
	uint64_t columns = reader_lenenc(&r);
	bool may_skip = s->can & CAN_SKIP_COLUMNS || s->can_extended & MARIADB_CAN_SKIP_COLUMNS;
	bool told = may_skip ? reader_byte(&r) : true;
	if (r.bad || columns > 0xffff)
		return BAD;
	s->left = (told ? columns : 0) + !(s->can & CAN_DROP_EOF);
	s->at = s->left ? AT_COLUMNS : AT_ROWS;
	return ON;
}

static enum step step_columns(struct mysql *s, const struct vn_message *asked,
                              const struct packet *k)
{
	if (--s->left)
		return ON;
	s->at = AT_ROWS;
	if (s->can & CAN_DROP_EOF || !is_end(s, k))
		return ON;
	unsigned status = packet_status(s, k);
	return asked->note & NOTE_CURSOR && status & STATUS_CURSOR ? result_end(s, status) : ON;
}

static enum step step_rows(struct mysql *s, const struct vn_message *asked, const struct packet *k)
{
	if (!is_end(s, k))
		return ON;
	return (asked->note & NOTE_SHAPE) == RESULT ? result_end(s, packet_status(s, k)) : END;
}

static enum step step_prepared(struct vn_session *t, const struct vn_message *asked,
                               const struct packet *k)
{
	struct mysql *s = t->state;
	uint64_t pending = pending_key(note_number(asked->note));

	if (k->len < 9 || k->p[0] != 0x00)
		return BAD;
	uint32_t id = le32(k->p + 1), columns = le16(k->p + 5), parameters = le16(k->p + 7);
	unsigned ends = s->can & CAN_DROP_EOF ? 0 : (columns > 0) + (parameters > 0);
	bool told = !(s->can & CAN_SKIP_COLUMNS && k->len > 12 && !k->p[12]);
	vn_text_cache_move(t->texts, pending, id);
	if (s->last == pending)
		s->last = id;
	s->left = (told ? columns + parameters : 0) + ends;
	s->at = AT_DEFINITIONS;
	return s->left ? ON : END;
}

static enum step step_login(struct vn_session *t, const struct packet *k)
{
	struct mysql *s = t->state;

	if (!k->len)
		return BAD;
	if (k->p[0] != 0x00)
		return ON;
	s->logging_in = false;
	if (t->tls)
		mysql_tls_forget(t);
	if (s->compressed)
		t->raw = RAW_COMPRESSION;
	return END;
}

static enum step step_one(struct mysql *s, const struct packet *k)
{
	if (k->len >= 7 && k->p[0] == 0x00)
		s->in_transaction = packet_status(s, k) & STATUS_IN_TRANSACTION;
	return END;
}

/* A deadlock has rolled the transaction back. Any other error leaves it as it is. */
static void error_tell(struct vn_session *t, const struct vn_message *asked, const struct packet *k)
{
	struct mysql *s = t->state;
	unsigned number = k->n >= 3 ? le16(k->p + 1) : 0;
	char code[8];

	s->in_transaction &= number != 1213;
	if (t->report && !(asked->note & VN_NOTE_SUBSTITUTE))
		vn_session_error(t, code, (size_t)snprintf(code, sizeof code, "%u", number));
}

/* What this packet means where the answer stands. */
static enum step answer_step(struct vn_session *t, const struct vn_message *asked,
                             const struct packet *k)
{
	struct mysql *s = t->state;

	if (is_progress(k))
		return ON;
	if (is_error(k)) {
		error_tell(t, asked, k);
		if (s->at == AT_LOGIN)
			s->logging_in = false;
		if (s->at == AT_PREPARED)
			vn_text_cache_drop(t->texts, pending_key(note_number(asked->note)));
		return END;
	}
	switch (s->at) {
	case AT_ONE:            return step_one(s, k);
	case AT_LOGIN:          return step_login(t, k);
	case AT_FIRST:          return step_first(s, k);
	case AT_COLUMNS:        return step_columns(s, asked, k);
	case AT_ROWS:           return step_rows(s, asked, k);
	case AT_PREPARED:       return step_prepared(t, asked, k);
	case AT_DEFINITIONS:    return --s->left ? ON : END;
	}
	return BAD;
}

/* One packet, which may be the continuation of another. */
static enum step packet_step(struct vn_session *t, const struct vn_message *asked,
                             const struct packet *k)
{
	struct mysql *s = t->state;
	enum step step;

	if (s->full)
		step = s->full_last ? END : ON;
	else
		step = answer_step(t, asked, k);
	if (step == BAD)
		return BAD;
	s->full = k->len == FULL;
	s->full_last = step == END;
	return s->full ? ON : step;
}

static void answer_begin(struct vn_session *t, const struct vn_message *asked,
                         const struct packet *k, struct vn_message *m)
{
	static const uint8_t begins[] = {
		[ONE] = AT_ONE,           [RESULT] = AT_FIRST, [ROWS] = AT_ROWS,
		[PREPARED] = AT_PREPARED, [LOGIN] = AT_LOGIN,
	};
	struct mysql *s = t->state;
	bool substitute = asked->note & VN_NOTE_SUBSTITUTE;
	unsigned shape = asked->note & NOTE_SHAPE;

	assert(shape <= LOGIN);
	s->answering = true;
	s->at = substitute ? AT_ONE : begins[shape];
	if (substitute && shape == PREPARED)
		vn_text_cache_drop(t->texts, pending_key(note_number(asked->note)));
	*m = (struct vn_message){
		.role = VN_ANSWERS, .is = asked->is, .head = HEAD, .seq = k->seq
	};
	bool ok = k->len && k->p[0] == 0x00 && s->at != AT_ROWS;
	strcpy(m->verb, is_error(k) && !is_progress(k) ? "ERR" : ok ? "OK" : "ANSWER");
}

/* What comes before the answer: a question of the login, a request for a file, progress. The client
 * must send the file before more of an answer comes as well, where the statement is not the first
 * of its query. */
static bool is_interim(const struct mysql *s, const struct vn_message *asked,
                       const struct packet *k)
{
	unsigned shape = asked->note & NOTE_SHAPE;
	bool first = !s->answering || s->at == AT_FIRST;

	if (asked->note & VN_NOTE_SUBSTITUTE || s->full || !k->len || k->len == FULL)
		return false;
	if (is_error(k))
		return is_progress(k) && !s->answering;
	return (shape == LOGIN && k->p[0] != 0x00) || (shape == RESULT && first && k->p[0] == 0xfb);
}

/* A message of its own before the answer, a piece of it where that has begun. */
static struct vn_cut interim(struct vn_session *t, const struct vn_message *asked,
                             const struct packet *k, struct vn_message *m)
{
	struct mysql *s = t->state;

	if (!s->answering)
		s->at = (asked->note & NOTE_SHAPE) == RESULT ? AT_FIRST : AT_LOGIN;
	if (!is_progress(k))
		packet_step(t, asked, k);
	*m = (struct vn_message){
		.role = VN_INTERIM, .is = asked->is, .head = HEAD, .seq = k->seq
	};
	strcpy(m->verb, is_progress(k) ? "PROGRESS" : s->at == AT_LOGIN ? "AUTH" : "FILE");
	return (struct vn_cut){ .kind = s->answering ? VN_CUT_PART : VN_CUT_END,
		                .len = HEAD + (uint64_t)k->len };
}

/* As many packets as are at hand. */
static struct vn_cut answer(struct vn_session *t, struct vn_span in, const struct vn_message *asked,
                            struct vn_message *m)
{
	struct mysql *s = t->state;
	struct packet k;
	uint64_t done = 0;
	enum step step = ON;

	while (step == ON && packet_read(&k, in, done) && (s->full || packet_has(&k, PEEK))) {
		if (is_interim(s, asked, &k)) {
			if (!done)
				return interim(t, asked, &k, m);
			break;
		}
		if (!s->answering)
			answer_begin(t, asked, &k, m);
		step = packet_step(t, asked, &k);
		if (step != BAD)
			done += HEAD + (uint64_t)k.len;
	}
	if (step == BAD && !done)
		return vn_cut_raw(t, RAW_ANSWER);
	if (!done)
		return vn_cut_more();
	if (step == END)
		s->answering = false;
	t->idle = s->in_transaction ? VN_IS_IN_TRANSACTION : 0;
	return (struct vn_cut){ .kind = step == END ? VN_CUT_END : VN_CUT_PART, .len = done };
}

/* A packet of a login, for a client whose sequence numbers are others. */
static struct vn_cut login_answer(struct vn_session *t, struct vn_span in,
                                  const struct vn_message *asked, struct vn_message *m)
{
	struct mysql *s = t->state;
	struct packet k;

	if (!packet_read(&k, in, 0) || (k.n < k.len && k.len < WAIT_MAX))
		return vn_cut_more();
	if (k.n < k.len)
		return vn_cut_raw(t, RAW_ANSWER);
	struct vn_span packet = { in.p, HEAD + (size_t)k.len };
	struct vn_cut cut = answer(t, packet, asked, m);
	if (cut.kind != VN_CUT_PART && cut.kind != VN_CUT_END)
		return cut;
	mysql_tls_answer(t, &s->tls, packet);
	cut.replaced = true;
	cut.instead = vn_buffer_span(t->scratch);
	if (cut.kind == VN_CUT_END && m->role == VN_ANSWERS)
		mysql_tls_over(&s->tls);
	return cut;
}

/* Where in the greeting the capabilities stand: two halves, and MariaDB's. */
struct offers { size_t low, high, extended; uint32_t thread; struct vn_span method; };

static bool offers_find(const struct packet *k, struct offers *o)
{
	struct reader r = { k->p, k->n, .at = 1 };

	reader_cstring(&r);             /* version */
	const uint8_t *thread = reader_take(&r, 4);
	o->thread = thread ? le32(thread) : 0;
	reader_take(&r, 8 + 1);         /* half of a random text */
	o->low = r.at;
	reader_take(&r, 2 + 1 + 2);     /* ... character set, status */
	o->high = r.at;
	reader_take(&r, 2 + 1 + 6);     /* ... length of the random text, reserved */
	o->extended = r.at;
	reader_take(&r, 4);
	o->method = (struct vn_span){ 0 };
	if (!r.bad && r.n - r.at > SCRAMBLE_REST) {
		struct reader name = { r.p, r.n, .at = r.at + SCRAMBLE_REST };
		o->method = reader_cstring(&name);
	}
	return !r.bad;
}

/* "8.0.36-0ubuntu1", "10.11.6-MariaDB", "5.5.5-10.1.48-MariaDB": whose it is. */
static enum flavour flavour_read(const struct packet *k, uint32_t offers)
{
	struct reader r = { k->p, k->n, .at = 1 };
	struct vn_span version = reader_cstring(&r);
	uint32_t part[3] = { 0 };
	size_t at = 0;

	if (!(offers & CAN_MYSQL) || memmem(version.p, version.n, "MariaDB", 7))
		return MARIADB;
	for (unsigned i = 0; i < 3; i++, at++)
		for (; at < version.n && version.p[at] >= '0' && version.p[at] <= '9' &&
		       part[i] < 1000;
		     at++)
			part[i] = part[i] * 10 + version.p[at] - '0';
	return part[0] * 1000000 + part[1] * 1000 + part[2] < 8000024 ? OLD_MYSQL : MYSQL;
}

/* A client in TLS answers to this plugin by its password, in its login, which is too early for us.
 * It is offered another one, so that the server asks for this one later. */
static const char EARLY[] = "sha256_password", LATER[] = "caching_sha2_password";

static bool method_early(const struct vn_session *t, const struct offers *o)
{
	return t->tls && o->method.n == strlen(EARLY) && !memcmp(o->method.p, EARLY, o->method.n);
}

/* The greeting with other capabilities, in place of the real one. */
static struct vn_span greeting_with(struct vn_session *t, struct vn_span whole,
                                    const struct offers *o, uint32_t offers)
{
	size_t low = HEAD + o->low, high = HEAD + o->high, rest = high + 2;
	size_t method = method_early(t, o) ? (size_t)(o->method.p - whole.p) : whole.n;
	size_t n = whole.n - HEAD + (method < whole.n ? strlen(LATER) - strlen(EARLY) : 0);
	const uint8_t b[] = { (uint8_t)offers, (uint8_t)(offers >> 8), (uint8_t)(offers >> 16),
		              (uint8_t)(offers >> 24) },
		      length[] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16) };

	vn_buffer_put(t->scratch, length, sizeof length);
	vn_buffer_put(t->scratch, whole.p + sizeof length, low - sizeof length);
	vn_buffer_put(t->scratch, b, 2);
	vn_buffer_put(t->scratch, whole.p + low + 2, high - low - 2);
	vn_buffer_put(t->scratch, b + 2, 2);
	vn_buffer_put(t->scratch, whole.p + rest, method - rest);
	if (method < whole.n) {
		vn_buffer_put(t->scratch, LATER, strlen(LATER));
		method += strlen(EARLY);
		vn_buffer_put(t->scratch, whole.p + method, whole.n - method);
	}
	return vn_buffer_span(t->scratch);
}

/* The plugin and the random text of the greeting. */
static void method_learn(struct vn_session *t, const struct packet *k, const struct offers *o)
{
	struct mysql *s = t->state;
	uint8_t scramble[SCRAMBLE_FIRST + SCRAMBLE_REST] = { 0 };
	const uint8_t *rest = k->p + o->extended + 4;
	size_t n = k->n - (o->extended + 4);

	memcpy(scramble, k->p + o->low - 1 - SCRAMBLE_FIRST, SCRAMBLE_FIRST);
	memcpy(scramble + SCRAMBLE_FIRST, rest, n < SCRAMBLE_REST ? n : SCRAMBLE_REST);
	struct vn_span later = { (const uint8_t *)LATER, strlen(LATER) };
	mysql_tls_method(t, &s->tls, method_early(t, o) ? later : o->method,
	                 (struct vn_span){ scramble, sizeof scramble });
}

/* What the client is to know of the server's capabilities. */
static uint32_t offers_show(struct vn_session *t)
{
	const struct mysql_opts *opts = t->opts;
	struct mysql *s = t->state;
	bool strip = !opts || !opts->tls || strcmp(opts->tls, "pass");
	bool ours = (t->tls & (VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_NEVER)) == VN_TLS_CLIENT_MAY &&
	            !(t->secure & VN_LEG_CLIENT);

	s->taken = s->offers & (CAN_COMPRESS | CAN_ZSTD | (strip ? CAN_SSL : 0));
	if (s->taken & CAN_SSL && !t->tls)
		t->notice = TLS_TAKEN;
	return (s->offers & ~s->taken) | (ours ? CAN_SSL : 0);
}

static struct vn_cut greeting(struct vn_session *t, struct vn_span in,
                              const struct vn_message *asked, struct vn_message *m)
{
	struct mysql *s = t->state;
	struct packet k;
	struct offers o;

	if (!packet_read(&k, in, 0))
		return vn_cut_more();
	if (k.len > GREETING_MAX)
		return vn_cut_raw(t, RAW_OLD);
	if (k.n < k.len)
		return vn_cut_more();
	*m = (struct vn_message){
		.role = VN_ANSWERS, .is = asked->is, .verb = "GREETING", .head = HEAD, .seq = k.seq
	};
	struct vn_cut cut = { .kind = VN_CUT_END, .len = HEAD + (uint64_t)k.len };
	if (is_error(&k)) {
		strcpy(m->verb, "ERR");
		error_tell(t, asked, &k);
		return cut;
	}
	if (s->phase != UNGREETED || !k.len || k.p[0] != 10 || !offers_find(&k, &o))
		return vn_cut_raw(t, RAW_OLD);
	s->phase = GREETED;
	s->thread = o.thread;
	s->offers = le16(k.p + o.low) | le16(k.p + o.high) << 16;
	s->offers_extended = le32(k.p + o.extended);
	enum flavour flavour = flavour_read(&k, s->offers);
	s->mariadb = flavour == MARIADB;
	vn_backend_note_set(t->backend_note, flavour);
	uint32_t shows = offers_show(t);
	if (t->tls)
		method_learn(t, &k, &o);
	if (shows != s->offers || method_early(t, &o)) {
		cut.replaced = true;
		cut.instead = greeting_with(t, (struct vn_span){ in.p, (size_t)cut.len }, &o,
		                            shows);
	}
	return cut;
}

/* Nothing is owed: the server may still say why it goes. */
static struct vn_cut unasked(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct packet k;

	if (!packet_read(&k, in, 0) || !packet_has(&k, 3))
		return vn_cut_more();
	if (!is_error(&k) || k.len == FULL)
		return vn_cut_raw(t, RAW_UNASKED);
	*m = (struct vn_message){ .role = VN_PUSH, .verb = "ERR", .head = HEAD, .seq = k.seq };
	return (struct vn_cut){ .kind = VN_CUT_END, .len = HEAD + (uint64_t)k.len };
}

static struct vn_cut mysql_response(struct vn_session *t, struct vn_span in,
                                    const struct vn_message *asked, struct vn_message *m)
{
	if (!asked)
		return unasked(t, in, m);
	const struct mysql *s = t->state;
	if (asked->is & VN_IS_OPENING)
		return greeting(t, in, asked, m);
	if ((asked->note & (NOTE_SHAPE | VN_NOTE_SUBSTITUTE)) == LOGIN && mysql_tls_differ(&s->tls))
		return login_answer(t, in, asked, m);
	return answer(t, in, asked, m);
}

/* The greeting tells whether the server has TLS; that begins behind the login. */
static enum vn_secure mysql_secure(struct vn_session *t, struct vn_span in,
                                   struct vn_buffer *backend)
{
	struct packet k;
	struct offers o;

	if (!packet_read(&k, in, 0) || (k.n < k.len && k.len <= GREETING_MAX))
		return VN_SECURE_MORE;
	bool whole = k.len && k.n == k.len, error = whole && is_error(&k),
	     understood = whole && k.p[0] == 10 && offers_find(&k, &o);
	if (!error && !(understood && le16(k.p + o.low) & CAN_SSL)) {
		t->notice = NO_TLS;
		return VN_SECURE_NONE;
	}
	vn_buffer_put(t->kept, in.p, in.n);
	return VN_SECURE_LATER;
}

/* ---- saying no ---- */

enum {
	WAITS = VN_IS_READ | VN_IS_WRITE | IS_LOCKING,
	WORK = WAITS | VN_IS_COMMIT,
	TRANSACTION = WORK | VN_IS_BEGIN | VN_IS_ROLLBACK
};

static const struct vn_failure failures[] = {
	{ "deadlock", "1213/40001",
	  "Deadlock found when trying to get lock; try restarting transaction", WORK, VN_ON_REQUEST,
	  VN_STAY, 1213 },
	{ "lock_wait_timeout", "1205/HY000",
	  "Lock wait timeout exceeded; try restarting transaction", WAITS, VN_ON_REQUEST, VN_STAY,
	  1205 },
	{ "read_only", "1290/HY000",
	  "The MySQL server is running with the --read-only option so it cannot execute this "
	  "statement",
	  IS_FORBIDDEN, VN_ON_REQUEST, VN_STAY, 1290 },
	{ "read_only_transaction", "1792/25006",
	  "Cannot execute statement in a READ ONLY transaction.", IS_FORBIDDEN_THERE, VN_ON_REQUEST,
	  VN_STAY, 1792, .by_name = true },
	{ "read_only_mode", "1836/HY000", "Running in read-only mode", IS_FORBIDDEN, VN_ON_REQUEST,
	  VN_STAY, 1836 },
	{ "query_interrupted", "1317/70100", "Query execution was interrupted", WAITS,
	  VN_ON_REQUEST, VN_STAY, 1317 },
	{ "query_timeout", "3024/HY000",
	  "Query execution was interrupted, maximum statement execution time exceeded", WAITS,
	  VN_ON_REQUEST, VN_STAY, 3024 },
	{ "galera_not_ready", "1047/08S01", "WSREP has not yet prepared node for application use",
	  TRANSACTION, VN_ON_REQUEST, VN_STAY, 1047, .by_name = true },
	{ "disk_full", "1021/HY000",
	  "Disk full (./app/orders.MAI); waiting for someone to free some space... "
	  "(errno: 28 \"No space left on device\")",
	  VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, 1021 },
	{ "table_full", "1114/HY000", "The table 'orders' is full", VN_IS_WRITE, VN_ON_REQUEST,
	  VN_STAY, 1114 },
	{ "commit_failed", "1180/HY000", "Got error 28 \"No space left on device\" during COMMIT",
	  VN_IS_COMMIT, VN_ON_REQUEST, VN_STAY, 1180 },
	{ "out_of_memory", "1037/HY001",
	  "Out of memory; restart server and try again (needed 65536 bytes)", VN_IS_COMMAND,
	  VN_ON_REQUEST, VN_STAY, 1037 },
	{ "pooler_timeout", "9001/HY000",
	  "Max connect timeout reached while reaching hostgroup 0 after 10000ms", VN_IS_STATEMENT,
	  VN_ON_REQUEST, VN_STAY, 9001, .by_name = true },
	{ "too_many_connections", "1040/08004", "Too many connections", VN_IS_OPENING,
	  VN_ON_REQUEST, VN_CLOSE, 1040 },
	{ "host_blocked", "1129/HY000",
	  "Host '127.0.0.1' is blocked because of many connection errors; unblock with "
	  "'mysqladmin flush-hosts'",
	  VN_IS_OPENING, VN_ON_REQUEST, VN_CLOSE, 1129 },
	{ "host_not_allowed", "1130/HY000",
	  "Host '127.0.0.1' is not allowed to connect to this MySQL server", VN_IS_OPENING,
	  VN_ON_REQUEST, VN_CLOSE, 1130 },
	{ "too_many_user_connections", "1203/42000",
	  "User app already has more than 'max_user_connections' active connections", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_CLOSE, 1203 },
	{ "resource_limit", "1226/42000",
	  "User 'app' has exceeded the 'max_user_connections' resource (current value: 10)",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_CLOSE, 1226 },
	{ "access_denied", "1045/28000",
	  "Access denied for user 'app'@'localhost' (using password: YES)", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_CLOSE, 1045 },
	/* the names that these outages have in every protocol */
	{ "lock_timeout", "1205/HY000", "Lock wait timeout exceeded; try restarting transaction",
	  WAITS, VN_ON_REQUEST, VN_STAY, 1205, .by_name = true },
	{ "crash", "RST", "the connection is reset without a word",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_RESET, 0 },
	{ "overloaded", "1040/08004", "Too many connections", VN_IS_OPENING, VN_ON_REQUEST,
	  VN_CLOSE, 1040 },
	{ "shutting_down", "1053/08S01", "Server shutdown in progress",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, 1053 },
	{ "server_shutdown", "1053/08S01", "Server shutdown in progress",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, 1053 },
	{ "connection_killed", "FIN", "the connection is closed without a word", VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, 0 },
	{ "network_read_error", "1158/08S01", "Got an error reading communication packets",
	  VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE, 1158 },
	{ "network_write_error", "1160/08S01", "Got an error writing communication packets",
	  VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE, 1160 },
	{ "idle_timeout", "4031/HY000",
	  "The client was disconnected by the server because of inactivity. "
	  "See wait_timeout and interactive_timeout for configuring this behavior.",
	  VN_IS_COMMAND, VN_ON_REST, VN_CLOSE, 4031 },
	{ "gone", "FIN", "the connection is closed without a word",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, 0 },
	/* the protocol's own */
	{ "insecure_transport", "3159/HY000",
	  "Connections using insecure transport are prohibited while "
	  "--require_secure_transport=ON.",
	  0, 0, VN_CLOSE, 3159, .no_tls = true },
	{ 0 }
};

/* words.number: the connection ends without a text | words.when */
enum { NO_TEXT = 0, IDLE = VN_IS_OWN };

/* Where a server words the same otherwise, at all times or `when`; the first row that fits counts.
 * MariaDB's were seen, MySQL's are from its manual and its source. */
static const struct words {
	const char *name;
	unsigned of, when;              /* flavours, by bit; IS_..., 0: whenever it is */
	const char *code, *text;
	uint32_t number;
	bool reset;                     /* the connection, instead of a close */
} other_words[] = {
	{ "query_timeout", 1 << MARIADB, 0, "1969/70100",
	  "Query execution was interrupted (max_statement_time exceeded)", 1969 },
	{ "read_only", 1 << MARIADB, 0, "1290/HY000",
	  "The MariaDB server is running with the --read-only option so it cannot execute this "
	  "statement",
	  1290 },
	{ "read_only_transaction", 1 << MARIADB, 0, "1792/25006",
	  "Cannot execute statement in a READ ONLY transaction", 1792 },
	{ "host_blocked", 1 << MARIADB, 0, "1129/HY000",
	  "Host '127.0.0.1' is blocked because of many connection errors; unblock with "
	  "'mariadb-admin flush-hosts'",
	  1129 },
	{ "host_not_allowed", 1 << MARIADB, 0, "1130/HY000",
	  "Host '127.0.0.1' is not allowed to connect to this MariaDB server", 1130 },
	{ "insecure_transport", 1 << MARIADB, 0, "1045/28000",
	  "Access denied for user 'app'@'localhost' (using password: YES)", 1045 },
	{ "shutting_down", 1 << MARIADB, 0, "", "", NO_TEXT },
	{ "server_shutdown", 1 << MARIADB, 0, "", "", NO_TEXT },
	{ "shutting_down", ~0u, VN_IS_OPENING | VN_IS_LOGIN | IDLE, "", "", NO_TEXT },
	{ "server_shutdown", ~0u, VN_IS_OPENING | VN_IS_LOGIN | IDLE, "", "", NO_TEXT },
	{ "idle_timeout", 1 << MARIADB, 0, "", "", NO_TEXT, .reset = true },
	{ "idle_timeout", 1 << OLD_MYSQL, 0, "", "", NO_TEXT },
	{ 0 }
};

static struct words words_of(const struct vn_session *t, const struct vn_message *asked,
                             const struct vn_failure *f)
{
	unsigned when = asked ? asked->is : IDLE, of = 1u << flavour_of(t);

	for (const struct words *w = other_words; w->name; w++)
		if (w->of & of && (!w->when || w->when & when) && !strcmp(w->name, f->name))
			return *w;
	return (struct words){ .code = f->code, .text = f->text, .number = f->number };
}

/* The server does not see it: what it was to keep is not kept. */
static void mysql_dropped(struct vn_session *t, const struct vn_message *asked)
{
	if (asked->is & VN_IS_STATEMENT)
		vn_sql_undo(t, dialect(t->state), asked->subject);
}

static bool rolls_back(const struct vn_failure *f)
{
	return f->number == 1213 || f->number == 1180;
}

/* Who logs in, kept until the refusal is worded: it is the only one, for the connection ends. */
static void login_keep(struct vn_session *t, const struct vn_message *asked)
{
	uint32_t number = note_number(asked->note);
	size_t n = number >> 1;
	uint8_t login[1 + LOGIN_PEEK] = { number & 1 };

	n = n < asked->subject.n ? n : asked->subject.n;
	n = n < LOGIN_PEEK ? n : LOGIN_PEEK;
	memcpy(login + 1, n ? asked->subject.p : login, n);
	vn_text_cache_put(t->texts, LOGIN_KEY, (struct vn_span){ login, 1 + n });
}

/* Where the server stays, it gets what leaves it as if it had refused by itself: the transaction
 * rolled back, or nothing done; a refused PREPARE leaves MariaDB without a last prepared statement;
 * a refused EXECUTE has used up its long data. */
static int mysql_refuse(struct vn_session *t, const struct vn_message *asked,
                        const struct vn_failure *f, struct vn_buffer *backend)
{
	const struct mysql *s = t->state;
	bool unprepare = (asked->note & NOTE_SHAPE) == PREPARED && is_mariadb(s);
	uint32_t id = note_number(asked->note);
	const uint8_t reset[] = { COM_RESET, (uint8_t)id, (uint8_t)(id >> 8), (uint8_t)(id >> 16),
		                  (uint8_t)(id >> 24) };

	mysql_dropped(t, asked);
	if (asked->is & VN_IS_LOGIN)
		login_keep(t, asked);
	if (f->end != VN_STAY)
		return 0;
	if (rolls_back(f)) {
		/* of query attributes, and of sets of them */
		bool counts = s->can & CAN_ATTRIBUTES;
		mysql_packet_put(backend, 0, counts ? "\3\0\1ROLLBACK" : "\3ROLLBACK",
		                 counts ? 11 : 9);
	} else {                                /* PREPARE of nothing fails */
		const uint8_t command = unprepare ? COM_PREPARE : COM_PING;
		mysql_packet_put(backend, 0, &command, 1);
	}
	if (!(asked->note & NOTE_LADEN))
		return 1;
	mysql_packet_put(backend, 0, reset, sizeof reset);
	return 2;
}

/* The last sequence number of a request. */
static uint8_t request_seq(const struct mysql *s, const struct vn_message *asked)
{
	unsigned slot = asked->note >> NOTE_SLOT_SHIFT & (LONG_SLOTS - 1);

	return asked->note & NOTE_LONG ? s->long_seq[slot] : (uint8_t)asked->seq;
}

static struct vn_span span_of(const char *text)
{
	return (struct vn_span){ (const uint8_t *)text, strlen(text) };
}

/* Does the text name someone? */
static bool names_someone(uint32_t number)
{
	return number == 1045 || number == 1203 || number == 1226 || number == 1129 ||
	       number == 1130;
}

/* The text, of this client and this user. A server that looks up names has one for itself. */
static size_t text_put(const struct vn_session *t, const struct words *w, char *to, size_t room)
{
	struct vn_span login = vn_text_cache_get(t->texts, LOGIN_KEY), none = { 0 };
	bool local = !*t->client || !strcmp(t->client, "127.0.0.1") || !strcmp(t->client, "::1");
	const struct vn_name names[] = {
		{ "app", login.n ? (struct vn_span){ login.p + 1, login.n - 1 } : none },
		{ "YES", login.n && !*login.p ? span_of("NO") : none },
		{ "localhost", span_of(local ? "localhost" : t->client) },
		{ "127.0.0.1", *t->client ? span_of(t->client) : span_of("localhost") },
	};

	return vn_text_named(to, room, w->text, names,
	                     names_someone(w->number) ? sizeof names / sizeof names[0] : 0);
}

static void mysql_word(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *client)
{
	const struct mysql *s = t->state;
	struct words words = words_of(t, asked, f);
	bool opening = asked && asked->is & VN_IS_OPENING;
	/* a client that has not logged in yet knows nothing of states */
	const char *state = s->can & CAN_41 && !opening ? strchr(words.code, '/') : NULL;
	uint8_t payload[512] = { 0xff, (uint8_t)words.number, (uint8_t)(words.number >> 8) };
	size_t n = 3;

	t->reset = words.reset;
	if (words.number == NO_TEXT)
		return;
	vn_session_worded(t, words.code, strcspn(words.code, "/"));
	if (state) {
		payload[n++] = '#';
		memcpy(payload + n, state + 1, 5);
		n += 5;
	}
	n += text_put(t, &words, (char *)payload + n, sizeof payload - n);
	mysql_packet_put(client, asked && !opening ? (uint8_t)(request_seq(s, asked) + 1) : 0,
	                 payload, n);
}

/* ---- */

static const char *const limits[] = {
	"`read_only` judges a statement by its words. It does not refuse CALL and SELECT that run "
	"a procedure or a function "
	"that writes.",
	"All branches of IF and CASE count, also those that the server does not run.",
	"UPDATE and DELETE of several tables, and ANALYZE TABLE, are refused, also where only "
	"temporary tables or tables "
	"of MyISAM are concerned.",
	"A temporary table counts as temporary from its CREATE on, also if the server rejects the "
	"CREATE, and in all databases.",
	"With TLS on the backend leg only, a client that has stored the server's RSA key cannot "
	"log in by caching\\_sha2\\_password: it must ask for the key.",
	"Clients of MariaDB 11.4 and later that have no CA check the certificate by their "
	"password: give them Vaurien's CA, or give Vaurien the server's certificate and key.",
	"Of a statement the first 16 KiB are judged. A longer one, one whose text the proxy does "
	"not have (EXECUTE of a "
	"variable's text) and an unknown statement count as `unreachable` if the failure depends "
	"on what they do.",
	NULL
};

static const char *const tls_choices[] = { "strip", "pass", NULL };

static const struct vn_opt options[] = {
	{ "tls", VN_OPT_CHOICE, offsetof(struct mysql_opts, tls), "strip",
	  "strip: remove TLS from the server's greeting, so that messages can be read, unless the "
	  "proxy has client_tls; pass: allow it",
	  .choices = tls_choices },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "A session's state cannot be handed to another client" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

VN_PROTOCOL(mysql, .help = "MySQL and MariaDB: commands, statements, prepared statements",
            .options = options, .opts_size = sizeof(struct mysql_opts),
            .state_size = sizeof(struct mysql), .server_first = true, .login = true,
            .request = mysql_request, .response = mysql_response, .failures = failures, .own = own,
            .kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_LOGIN |
                     VN_IS_COMMAND,
            .limits = limits, .refuse = mysql_refuse, .dropped = mysql_dropped, .word = mysql_word,
            .has_id = mysql_has_id, .tls_start = VN_TLS_UPGRADE, .secure = mysql_secure,
            .plain_answer = VN_SPAN("\x21\0\0\2\xff\x84\4#08S01Got packets out of order"),
            .transactions = true)
