/* mongo.c - MongoDB's wire protocol: OP_MSG, and the OP_QUERY that drivers begin with; its errors,
 * with the labels by which drivers retry.
 *
 * A message has its length, an id, and the id that it answers. A connection has one request open:
 *
 *   OP_MSG               one answer
 *   with moreToCome      no answer; if the node is not primary, the server closes
 *   exhaustAllowed       the answer may say moreToCome: others follow, each of which answers the
 *                        one before it
 *
 * A transaction belongs to a session, not to a connection: its commands carry lsid, txnNumber and
 * autocommit. A refused command ends its transaction in the server, as the real error would. */
#include <stdio.h>
#include <string.h>

#include "protocols/mongo_command.h"
#include "protocols/mongo_hello.h"

struct mongo {                          /* one connection */
	bool begun;
	bool aside;                     /* its application is not the one that rules act on */
	bool exhaust, exhaust_hello;    /* the answer under way goes on; it is hello's */
	uint32_t exhaust_id;            /* what its next part answers */
};

struct mongo_options { const char *app_name, *error_labels; };

/* message.note: what was requested. message.seq: the request's id. */
enum {
	NOTE_QUERY = 1,                 /* by OP_QUERY */
	NOTE_HELLO = 2,
	NOTE_NUMBERED = 4,              /* it has a txnNumber ... */
	NOTE_AUTOCOMMIT = 8,            /* ... and autocommit: a transaction */
	NOTE_ENDS = 16,                 /* it ends one */
	NOTE_UNSEEN = 32,               /* its document goes on behind what is looked at */
	NOTE_KNOWN_SHIFT = 8, NOTE_KNOWN = 0xff,        /* the row of the command */
};

enum { OUR_ID = 99, ERROR_ROOM = 1024, SUBSTITUTE_ROOM = 4096 };

/* failure.number: the server's code, 0 if it sends nothing. */
enum code {
	AUTHENTICATION_FAILED = 18, UNAUTHORIZED = 13, LOCK_TIMEOUT = 24, CURSOR_NOT_FOUND = 43,
	MAX_TIME = 50, WRITE_CONCERN = 64, SHUTDOWN = 91, WRITE_CONFLICT = 112, STEPPED_DOWN = 189,
	NO_SUCH_TRANSACTION = 251, OVERLOADED = 462, NOT_PRIMARY = 10107, INTERRUPTED = 11602,
	NOT_PRIMARY_READ = 13435, RECOVERING = 13436, DISK_FULL = 14031,
};

static const char *const own[] = {      /* of the bits from IS_HELLO on */
	"hello", "getMore", "commands in transactions", "writes with a write concern", NULL
};

static const char
	RAW_TLS[]        = "TLS begins",
	RAW_REQUEST[]    = "the request is not understood",
	RAW_COMPRESSED[] = "the messages are compressed",
	RAW_ANSWER[]     = "the server's answer is not understood",
	RAW_UNASKED[]    = "the server answers what was not asked",
	KEPT_OFFER[]     = "hello is longer than 64 KiB, and its offer of compression stays",
	KEPT_PLACES[]    = "an answer to hello is too long, and its addresses stay";

/* ---- requests ---- */

/* In capitals; what cannot be shown is not. */
static void verb_put(char verb[24], struct vn_span name)
{
	for (size_t i = 0; i < name.n && i < 23; i++) {
		uint8_t c = name.p[i];
		verb[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c > ' ' && c < 127 ? c : '?');
	}
	if (!name.n)
		verb[0] = '?';
}

/* Whether rules act on this connection, once the client has named its application. */
static void application_learn(struct vn_session *t, const struct command *c)
{
	const struct mongo_options *o = t->opts;
	struct mongo *s = t->state;

	if (!o->app_name || !*o->app_name)
		return;
	if (!s->begun)
		s->aside = true;
	if (c->application.p)
		s->aside = strlen(o->app_name) != c->application.n ||
		           memcmp(o->app_name, c->application.p, c->application.n) != 0;
}

static void message_fill(struct vn_session *t, const struct wire *w, const struct command *c,
                         bool unseen, struct vn_message *m)
{
	struct mongo *s = t->state;
	bool tells = w->op == OP_MSG && w->flags & MORE_TO_COME;
	unsigned how = c->known ? c->known->how : 0;

	verb_put(m->verb, c->name);
	m->is = command_is(c) | (unseen ? VN_IS_UNKNOWN : 0) | (s->begun ? 0 : VN_IS_OPENING);
	if (tells)
		m->is &= ~(unsigned)IS_CONCERNED;
	m->head = WIRE_HEAD;
	m->seq = w->id;
	m->note = (w->op == OP_QUERY ? NOTE_QUERY : 0) | (m->is & IS_HELLO ? NOTE_HELLO : 0) |
	          (c->has_transaction ? NOTE_NUMBERED : 0) |
	          (c->autocommit ? NOTE_AUTOCOMMIT : 0) | (how & ENDS ? NOTE_ENDS : 0) |
	          (unseen ? NOTE_UNSEEN : 0) | (uint64_t)known_number(c->known) << NOTE_KNOWN_SHIFT;
	application_learn(t, c);
	m->role = s->aside ? (tells ? VN_SILENT : VN_AIDS) : tells ? VN_TELLS : VN_ASKS;
	s->begun = true;
}

/* The subject, behind what is in the scratch buffer already. */
static void subject_make(struct vn_session *t, const struct command *c, struct vn_message *m)
{
	char text[SUBJECT_MAX];
	size_t n = command_subject(c, text), before = vn_buffer_span(t->scratch).n;

	if (!n)
		return;
	vn_buffer_put(t->scratch, text, n);
	m->subject = (struct vn_span){ vn_buffer_span(t->scratch).p + before, n };
}

/* What is sent again has another id, another number, and another time of the cluster. */
static void report_make(struct vn_session *t, const struct wire *w, const struct command *c,
                        struct vn_span in)
{
	if (!t->report || !w->document || !c->hash)
		return;
	t->report->before = c->hash;
	t->report->given = w->document + bson_u32(in.p + w->document);
}

static struct vn_cut mongo_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	const struct mongo *s = t->state;
	struct command c = { 0 };
	struct wire w;
	enum wire_step step = wire_read(&w, in);

	if (step == WIRE_KNOWN)
		step = command_read(&c, &w, in, t->report);
	bool offers = step == WIRE_KNOWN && c.compression.p && c.known && c.known->is & IS_HELLO;
	if (offers && in.n < w.length && w.length <= WIRE_VIEW)
		step = WIRE_MORE;
	if (step == WIRE_MORE)
		return vn_cut_more();
	if (step == WIRE_FOREIGN)
		return vn_cut_raw(t, !s->begun && in.p[0] == 0x16 && in.p[1] == 3 ? RAW_TLS :
		                     w.op == OP_COMPRESSED ? RAW_COMPRESSED : RAW_REQUEST);
	if (step == WIRE_BROKEN)
		c = (struct command){ 0 };
	struct vn_cut cut = { .kind = VN_CUT_END, .len = w.length };
	message_fill(t, &w, &c, step != WIRE_KNOWN, m);
	if (step == WIRE_KNOWN)
		report_make(t, &w, &c, in);
	cut.replaced = offers && in.n >= w.length;
	if (cut.replaced)
		hello_strip(&w, &c, in, t->scratch);
	else if (offers)
		t->notice = KEPT_OFFER;
	size_t n = vn_buffer_span(t->scratch).n;
	subject_make(t, &c, m);
	if (cut.replaced)
		cut.instead = (struct vn_span){ vn_buffer_span(t->scratch).p, n };
	return cut;
}

/* ---- answers ---- */

/* False: more bytes are needed. */
static bool answer_read(struct wire *a, struct vn_span in)
{
	if (!wire_head_read(a, in))
		return false;
	a->flags = a->op == OP_MSG ? bson_u32(in.p + WIRE_HEAD) : 0;
	a->document = a->op == OP_MSG ? WIRE_HEAD + 5 : WIRE_HEAD + 20;
	return true;
}

/* The first error in a document: that of the command, of its first failed write, or of its write
 * concern. */
static bool error_in(uint8_t type, struct vn_span value, int64_t *code, unsigned depth)
{
	struct bson_walk w;
	struct bson_item i;
	bool found = false;

	if (!bson_inside(&w, type, value))
		return false;
	while (bson_next(&w, &i) == BSON_ITEM) {
		if (type == BSON_ARRAY)
			return error_in(i.type, i.value, code, depth + 1);
		if (bson_named(&i, "code") && bson_number(i.type, i.value, code))
			return true;
		if (!depth && !found &&
		    (bson_named(&i, "writeErrors") || bson_named(&i, "writeConcernError")))
			found = error_in(i.type, i.value, code, depth + 1);
	}
	return found;
}

static bool error_find(struct vn_span in, const struct wire *a, int64_t *code)
{
	struct bson_walk w;
	struct vn_span document = { in.p + a->document, in.n - a->document };

	if (in.n < a->document || bson_begin(&w, document, document.n) != BSON_ITEM)
		return false;
	document.n = bson_length(&w);
	return error_in(BSON_DOCUMENT, document, code, 0);
}

static void error_tell(struct vn_session *t, int64_t code, bool ours)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)code);

	if (ours)
		vn_session_worded(t, text, code ? (size_t)n : 0);
	else
		vn_session_error(t, text, (size_t)n);
}

/* The write was done, and its answer says that it may be lost. */
static void concern_put(struct bson_out *o, const struct vn_failure *f)
{
	const char *name = strchr(f->code, ' ');
	size_t error = bson_open_in(o, BSON_DOCUMENT, "writeConcernError");

	bson_put_int(o, "code", WRITE_CONCERN);
	bson_put_string(o, "codeName", name ? name + 1 : "");
	bson_put_string(o, "errmsg", f->text);
	size_t info = bson_open_in(o, BSON_DOCUMENT, "errInfo");
	bson_put_bool(o, "wtimeout", true);
	bson_close(o, info);
	bson_close(o, error);
}

static void buffer_u32(struct vn_buffer *to, uint32_t v)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		vn_buffer_byte(to, (uint8_t)(v >> shift));
}

/* Write the answer with an element more at the end of its document. False: it cannot be, as
 * t->limit says; or it is an error itself. */
static bool concern_write(struct vn_session *t, struct vn_span in, const struct wire *a,
                          const struct vn_failure *f)
{
	static const char large[] = "the answer is too long to be edited",
	                  other[] = "the answer is an error already";
	uint8_t bytes[ERROR_ROOM];
	struct bson_out o = { bytes, 0, sizeof bytes, false };
	struct bson_walk w;
	size_t sum = a->flags & HAS_CHECKSUM ? 4 : 0;
	int64_t code;

	t->limit = in.n < a->length ? large : NULL;
	if (t->limit)
		return false;
	struct vn_span document = { in.p + a->document, a->length - a->document };
	if (a->op != OP_MSG || in.p[a->document - 1] || error_find(in, a, &code) ||
	    bson_begin(&w, document, document.n) != BSON_ITEM ||
	    bson_length(&w) + sum != document.n) {
		t->limit = other;
		return false;
	}
	concern_put(&o, f);
	buffer_u32(t->scratch, (uint32_t)(a->length - sum + o.n));
	vn_buffer_put(t->scratch, in.p + 4, 12);
	buffer_u32(t->scratch, a->flags & ~(uint32_t)HAS_CHECKSUM);
	vn_buffer_byte(t->scratch, 0);
	buffer_u32(t->scratch, (uint32_t)(bson_length(&w) + o.n));
	vn_buffer_put(t->scratch, document.p + 4, bson_length(&w) - 5);
	vn_buffer_put(t->scratch, o.p, o.n);
	vn_buffer_byte(t->scratch, 0);
	return true;
}

/* Other bytes in place of the answer, if a rule or the topology wants that. */
static bool answer_edit(struct vn_session *t, struct vn_span in, const struct wire *a,
                        const struct vn_failure *struck, bool hello)
{
	if (struck)
		return concern_write(t, in, a, struck);
	if (!hello)
		return false;
	if (a->length > HELLO_MAX) {
		t->notice = KEPT_PLACES;
		return false;
	}
	return hello_rewrite(t, (struct vn_span){ in.p, a->length }, a->document, t->scratch);
}

static void answer_describe(struct vn_session *t, struct vn_span in, const struct wire *a,
                            bool quiet, struct vn_message *m)
{
	int64_t code = 0;
	bool error = t->report && !quiet && error_find(in, a, &code);

	m->head = WIRE_HEAD;
	memcpy(m->verb, error ? "ERR\0\0\0\0" : m->role == VN_PUSH ? "PUSH\0\0\0" : "ANSWER\0", 8);
	if (error)
		error_tell(t, code, false);
}

/* NULL, or why the connection must be raw. */
static const char *answer_check(const struct mongo *s, const struct wire *a,
                                const struct vn_message *asked)
{
	if (a->op == OP_COMPRESSED)
		return RAW_COMPRESSED;
	if ((a->op != OP_MSG && a->op != OP_REPLY) || a->length < a->document + 5 ||
	    a->length > WIRE_MAX)
		return RAW_ANSWER;
	if (s->exhaust && a->to == s->exhaust_id)
		return NULL;
	return asked && a->to == (uint32_t)asked->seq ? NULL : RAW_UNASKED;
}

static struct vn_cut mongo_response(struct vn_session *t, struct vn_span in,
                                    const struct vn_message *asked, struct vn_message *m)
{
	struct mongo *s = t->state;
	struct wire a;

	if (!answer_read(&a, in))
		return vn_cut_more();
	const char *raw = answer_check(s, &a, asked);
	if (raw)
		return vn_cut_raw(t, raw);
	bool push = s->exhaust && a.to == s->exhaust_id && !(asked && a.to == asked->seq);
	bool substitute = !push && asked->note & VN_NOTE_SUBSTITUTE;
	bool hello = push ? s->exhaust_hello : !substitute && asked->note & NOTE_HELLO;
	const struct vn_failure *struck = push || substitute ? NULL : asked->struck;
	if ((hello || struck || t->report) && in.n < a.length && in.n < WIRE_VIEW)
		return vn_cut_more();
	if (in.n > WIRE_VIEW)
		in.n = WIRE_VIEW;
	struct vn_cut cut = { .kind = VN_CUT_END, .len = a.length };
	m->role = push ? VN_PUSH : VN_ANSWERS;
	m->is = push ? 0 : asked->is;
	answer_describe(t, in.n < a.length ? in : (struct vn_span){ in.p, a.length }, &a,
	                substitute, m);
	cut.replaced = answer_edit(t, in, &a, struck, hello);
	if (cut.replaced) {
		cut.instead = vn_buffer_span(t->scratch);
		if (struck)
			error_tell(t, WRITE_CONCERN, false);
	}
	s->exhaust = a.op == OP_MSG && a.flags & MORE_TO_COME;
	s->exhaust_id = a.id;
	s->exhaust_hello = hello;
	return cut;
}

/* ---- failures ---- */

#define WORKS (VN_IS_READ | VN_IS_WRITE)
#define ALL   (VN_IS_LOGIN | VN_IS_COMMAND | IS_HELLO)

/* Those that a member of a replica set alone sends are not drawn. */
static const struct vn_failure failures[] = {
	{ "not_primary", "10107 NotWritablePrimary", "not primary", VN_IS_WRITE, VN_ON_REQUEST,
	  VN_STAY, NOT_PRIMARY, .by_name = true },
	{ "read_only", "10107 NotWritablePrimary", "not primary", VN_IS_WRITE, VN_ON_REQUEST,
	  VN_STAY, NOT_PRIMARY, .by_name = true },
	{ "not_primary_read", "13435 NotPrimaryNoSecondaryOk", "not primary and secondaryOk=false",
	  VN_IS_READ, VN_ON_REQUEST, VN_STAY, NOT_PRIMARY_READ, .by_name = true },
	{ "recovering", "13436 NotPrimaryOrSecondary", "node is not in primary or recovering state",
	  WORKS, VN_ON_REQUEST, VN_STAY, RECOVERING, .by_name = true },
	{ "starting_up", "13436 NotPrimaryOrSecondary",
	  "node is not in primary or recovering state", WORKS, VN_ON_REQUEST, VN_STAY, RECOVERING,
	  .by_name = true },
	{ "stepped_down", "189 PrimarySteppedDown", "operation was interrupted",
	  WORKS | VN_IS_COMMIT, VN_ON_REQUEST, VN_STAY, STEPPED_DOWN, .by_name = true },
	{ "write_conflict", "112 WriteConflict",
	  "WriteConflict error: this operation conflicted with another operation. Please retry "
	  "your operation or multi-document transaction.",
	  IS_INSIDE, VN_ON_REQUEST, VN_STAY, WRITE_CONFLICT },
	{ "deadlock", "112 WriteConflict",
	  "WriteConflict error: this operation conflicted with another operation. Please retry "
	  "your operation or multi-document transaction.",
	  IS_INSIDE, VN_ON_REQUEST, VN_STAY, WRITE_CONFLICT, .by_name = true },
	{ "lock_timeout", "24 LockTimeout",
	  "Unable to acquire lock within a max lock request timeout of '5ms' milliseconds.",
	  IS_INSIDE, VN_ON_REQUEST, VN_STAY, LOCK_TIMEOUT },
	{ "no_such_transaction", "251 NoSuchTransaction",
	  "Given transaction number 7 does not match any in-progress transactions.",
	  IS_INSIDE | VN_IS_COMMIT, VN_ON_REQUEST, VN_STAY, NO_SUCH_TRANSACTION },
	{ "query_timeout", "50 MaxTimeMSExpired", "operation exceeded time limit", WORKS,
	  VN_ON_REQUEST, VN_STAY, MAX_TIME },
	{ "overloaded", "462 IngressRequestRateLimitExceeded",
	  "Rate limiter 'ingressRequestRateLimiter' rate exceeded", VN_IS_COMMAND, VN_ON_REQUEST,
	  VN_STAY, OVERLOADED },
	{ "write_concern_timeout", "64 WriteConcernFailed", "waiting for replication timed out",
	  IS_CONCERNED, VN_ON_REQUEST, VN_STAY, WRITE_CONCERN, .by_name = true },
	{ "no_replicas", "64 WriteConcernFailed", "waiting for replication timed out", IS_CONCERNED,
	  VN_ON_REQUEST, VN_STAY, WRITE_CONCERN, .by_name = true },
	{ "cursor_not_found", "43 CursorNotFound", "cursor id 7 not found", IS_GETMORE,
	  VN_ON_REQUEST, VN_STAY, CURSOR_NOT_FOUND },
	{ "disk_full", "14031 OutOfDiskSpace",
	  "available disk space of 0 bytes is less than required minimum of 524288000",
	  VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, DISK_FULL },
	{ "no_auth", "13 Unauthorized", "command find requires authentication", VN_IS_COMMAND,
	  VN_ON_REQUEST, VN_STAY, UNAUTHORIZED, .by_name = true },
	{ "access_denied", "18 AuthenticationFailed", "Authentication failed.", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_STAY, AUTHENTICATION_FAILED },
	{ "shutting_down", "91 ShutdownInProgress",
	  "The server is in quiesce mode and will shut down", ALL, VN_ON_REQUEST | VN_ON_REST,
	  VN_CLOSE, SHUTDOWN },
	{ "too_many_connections", "FIN", "the connection is closed without a word", VN_IS_OPENING,
	  VN_ON_REQUEST, VN_CLOSE },
	{ "crash", "RST", "the connection is reset without a word", ALL, VN_ON_REQUEST | VN_ON_REST,
	  VN_RESET },
	{ "gone", "FIN", "the connection is closed without a word", ALL, VN_ON_REQUEST | VN_ON_REST,
	  VN_CLOSE },
	{ 0 }
};

static bool mongo_fits(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f)
{
	bool needed = f->number && f->number != SHUTDOWN;

	if (asked->note & NOTE_UNSEEN && needed)
		t->limit = "the command is longer than 64 KiB, and its session is not at hand";
	return !(asked->note & NOTE_UNSEEN && needed);
}

/* ---- labels ---- */

/* Codes after which a driver tries again. */
static bool is_retriable(uint32_t code)
{
	static const uint16_t codes[] = {
		6, 7, 89, SHUTDOWN, 134, STEPPED_DOWN, 262, 358, 402, 406, 407, 412, 453,
		OVERLOADED, 9001, NOT_PRIMARY, 11600, INTERRUPTED, NOT_PRIMARY_READ, RECOVERING,
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i] == code)
			return true;
	return code == 91331;
}

/* Codes after which a whole transaction is tried again, that of a commit too. */
static bool is_transient(uint32_t code)
{
	static const uint16_t codes[] = {
		WRITE_CONFLICT, LOCK_TIMEOUT, NO_SUCH_TRANSACTION, 267, 239, 246, 250, 272,
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool is_inside(uint64_t note)
{
	return note & NOTE_NUMBERED && note & NOTE_AUTOCOMMIT && !(note & NOTE_ENDS);
}

/* The labels with a comma behind each, as the server computes them for what has written nothing. */
static const char *labels_of(uint64_t note, uint32_t code)
{
	if (code == OVERLOADED)
		return "SystemOverloadedError,RetryableError,";
	if (note & NOTE_NUMBERED && note & NOTE_AUTOCOMMIT &&
	    (is_transient(code) || (is_inside(note) && is_retriable(code))))
		return "TransientTransactionError,";
	if (is_inside(note))
		return "";
	bool once = note & NOTE_ENDS || note & NOTE_NUMBERED;
	return once && is_retriable(code) ? "RetryableWriteError,NoWritesPerformed," : "";
}

static void labels_put(struct bson_out *o, const char *labels)
{
	unsigned n = 0;
	char key[12];

	if (!*labels || !strcmp(labels, "none"))
		return;
	size_t from = bson_open_in(o, BSON_ARRAY, "errorLabels");
	while (*labels) {
		size_t length = strcspn(labels, ",");
		snprintf(key, sizeof key, "%u", n++);
		bson_put_text(o, key, (struct vn_span){ (const uint8_t *)labels, length });
		labels += length + (labels[length] == ',');
	}
	bson_close(o, from);
}

/* ---- words ---- */

/* A running read is interrupted; a write waits for its replication. */
static bool is_interrupted(const struct vn_message *asked, const struct vn_failure *f)
{
	return f->number == STEPPED_DOWN && (asked->is & VN_IS_READ || is_inside(asked->note));
}

/* The text with the names of this request: its number, as refuse() has kept it, and command. */
static size_t text_write(struct vn_session *t, const struct vn_message *asked,
                         const struct vn_failure *f, char *to, size_t room)
{
	const char *command = known_name(asked->note >> NOTE_KNOWN_SHIFT & NOTE_KNOWN);
	const struct vn_name names[] = {
		{ "7", vn_text_cache_get(t->texts, asked->seq) },
		{ "find", { (const uint8_t *)command, strlen(command) } },
	};
	bool numbered = f->number == CURSOR_NOT_FOUND || f->number == NO_SUCH_TRANSACTION,
	     named = f->number == UNAUTHORIZED && *command;

	return vn_text_named(to, room, f->text, names + !numbered, numbered || named);
}

static void error_put(struct vn_session *t, const struct vn_message *asked,
                      const struct vn_failure *f, struct bson_out *o)
{
	const struct mongo_options *options = t->opts;
	bool interrupted = is_interrupted(asked, f);
	uint32_t code = interrupted ? INTERRUPTED : f->number;
	const char *name = strchr(f->code, ' '), *labels = options->error_labels;
	char text[400];
	size_t n = text_write(t, asked, f, text, sizeof text), from = bson_open(o);

	bson_put_double(o, "ok", 0);
	bson_put_text(o, "errmsg", (struct vn_span){ (const uint8_t *)text, n });
	bson_put_int(o, "code", (int32_t)code);
	bson_put_string(o, "codeName", interrupted ? "InterruptedDueToReplStateChange" :
	                               name        ? name + 1 : "");
	if (code == SHUTDOWN && !(asked->note & NOTE_QUERY))
		bson_put_long(o, "remainingQuiesceTimeMillis", 0);
	labels_put(o, labels && *labels ? labels : labels_of(asked->note, code));
	bson_close(o, from);
	if (interrupted)
		error_tell(t, INTERRUPTED, true);
}

static void mongo_word(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *client)
{
	uint8_t bytes[ERROR_ROOM];
	struct bson_out o = { bytes, 0, sizeof bytes, false };
	bool query = asked && asked->note & NOTE_QUERY;

	if (!asked || !f->number || f->number == WRITE_CONCERN || asked->role == VN_TELLS)
		return;
	bson_put_u32(&o, 0);
	bson_put_u32(&o, OUR_ID);
	bson_put_u32(&o, (uint32_t)asked->seq);
	bson_put_u32(&o, query ? OP_REPLY : OP_MSG);
	bson_put_u32(&o, query ? 8 : 0);
	if (query) {                            /* cursor, first and number of the documents */
		bson_put(&o, "\0\0\0\0\0\0\0", 8);
		bson_put_u32(&o, 0);
		bson_put_u32(&o, 1);
	} else {
		bson_put(&o, "", 1);
	}
	error_put(t, asked, f, &o);
	bson_patch_u32(&o, 0, (uint32_t)o.n);
	if (o.full)
		t->close = true;
	else
		vn_buffer_put(client, o.p, o.n);
	vn_text_cache_drop(t->texts, asked->seq);
}

/* ---- in step ---- */

/* The command again, from the bytes that request() has seen. */
static bool command_again(const struct vn_message *asked, struct command *c)
{
	struct wire w;

	return wire_read(&w, asked->bytes) == WIRE_KNOWN &&
	       command_read(c, &w, asked->bytes, false) == WIRE_KNOWN;
}

static void number_keep(struct vn_session *t, const struct vn_message *asked, int64_t n)
{
	char text[24];

	vn_text_cache_put(t->texts, asked->seq,
	                  (struct vn_span){ (const uint8_t *)text,
	                                    (size_t)snprintf(text, sizeof text, "%lld",
	                                                     (long long)n) });
}

/* A request of ours under the id of the refused one. */
static int substitute_put(const struct vn_message *asked, const struct command *c, bool aborts,
                          struct vn_buffer *backend)
{
	uint8_t bytes[SUBSTITUTE_ROOM];
	struct bson_out o = { bytes, 0, sizeof bytes, false };

	bson_put_u32(&o, 0);
	bson_put_u32(&o, (uint32_t)asked->seq);
	bson_put_u32(&o, 0);
	bson_put_u32(&o, OP_MSG);
	bson_put_u32(&o, 0);
	bson_put(&o, "", 1);
	size_t from = bson_open(&o);
	if (aborts) {
		bson_put_int(&o, "abortTransaction", 1);
	} else {
		bson_put_text(&o, "killCursors", c->collection);
		size_t cursors = bson_open_in(&o, BSON_ARRAY, "cursors");
		bson_put_long(&o, "0", c->cursor);
		bson_close(&o, cursors);
	}
	if (c->lsid.p)
		bson_put_item(&o, BSON_DOCUMENT, "lsid", c->lsid.p, c->lsid.n);
	if (aborts) {
		bson_put_long(&o, "txnNumber", c->transaction);
		bson_put_bool(&o, "autocommit", false);
		bson_put_string(&o, "$db", "admin");
	} else {
		bson_put_text(&o, "$db", c->database);
	}
	bson_put(&o, c->api.p, c->api.n);
	bson_close(&o, from);
	bson_patch_u32(&o, 0, (uint32_t)o.n);
	if (o.full)
		return -1;
	vn_buffer_put(backend, o.p, o.n);
	return 1;
}

/* Does the real error end the transaction? That of a commit leaves it unknown. */
static bool ends_transaction(const struct vn_message *asked, const struct vn_failure *f)
{
	if (is_inside(asked->note))
		return f->number != OVERLOADED;
	return (f->number == NO_SUCH_TRANSACTION && asked->is & VN_IS_COMMIT) ||
	       (f->number == SHUTDOWN && asked->is & VN_IS_ROLLBACK);
}

/* A server that is not primary closes if it cannot answer. */
static bool closes_unanswered(const struct vn_failure *f)
{
	return f->number == NOT_PRIMARY || f->number == NOT_PRIMARY_READ ||
	       f->number == RECOVERING || f->number == STEPPED_DOWN;
}

static int mongo_refuse(struct vn_session *t, const struct vn_message *asked,
                        const struct vn_failure *f, struct vn_buffer *backend)
{
	struct command c;

	if (asked->role == VN_TELLS) {
		t->close = closes_unanswered(f);
		return 0;
	}
	if (f->number == WRITE_CONCERN)
		return VN_BY_BACKEND;
	bool aborts = f->number && ends_transaction(asked, f),
	     kills = f->number == CURSOR_NOT_FOUND;
	if (!aborts && !kills)
		return 0;
	if (!command_again(asked, &c))
		return -1;              /* fits() has prevented that */
	if (kills || f->number == NO_SUCH_TRANSACTION)
		number_keep(t, asked, kills ? c.cursor : c.transaction);
	return substitute_put(asked, &c, aborts, backend);
}

/* ---- */

static const char *const limits[] = {
	"A command whose document is longer than 64 KiB counts as `unreachable` for errors with a "
	"code, because its session and its transaction come after what is looked at. Documents "
	"that are sent as a sequence, as drivers do with bulks, do not count.",
	"Compression is not offered to the server: the proxy takes it out of `hello`.",
	"The legacy opcodes OP_INSERT, OP_UPDATE, OP_DELETE, OP_GET_MORE and OP_QUERY on "
	"collections make a connection raw. No driver since MongoDB 3.6 needs them.",
	"After an error such as `not_primary` a driver waits for its monitor's next hello before "
	"it tries again: `heartbeatFrequencyMS` at most, 10 s by default. A real server that "
	"stepped down would tell the monitor at once.",
	"Errors, their labels, transactions, exhaust and replica sets are tested with drivers and "
	"a scripted server, because the real one is not in Debian.",
	"A proxy for `mongodb+srv` addresses cannot be found by a client: the names come from DNS.",
	NULL
};

static const struct vn_counterpart counterparts[] = {
	{ "`failCommands: [\"insert\"]`", "`match`: `^INSERT `" },
	{ "`namespace`", "`match`: ` app.users`" },
	{ "`errorCode`", "`failure`" },
	{ "`errorLabels`", "`error_labels` of the protocol; by default the server's own" },
	{ "`closeConnection: true`", "`failure`: `gone`, or `crash` for a reset" },
	{ "`blockConnection: true`, `blockTimeMS: 50`",
	  "the behavior `delay` with `sleep`: `50ms`" },
	{ "`writeConcernError`", "`failure`: `write_concern_timeout`" },
	{ "`appName`", "`app_name` of the protocol" },
	{ "`mode: {times: 2}`", "`times`: `2`" },
	{ "`mode: {skip: 2}`", "`skip`: `2`" },
	{ "`mode: {activationProbability: 0.1}`", "`probability`: `0.1`" },
	{ "`mode: \"off\"`", "the rule is removed; `ttl` does that in time" },
	{ NULL, "MongoDB's own `failCommand` exists in servers with `enableTestCommands=1` only. "
		"Its options are called here" },
};

static const struct vn_opt options[] = {
	{ "app_name", VN_OPT_TEXT, offsetof(struct mongo_options, app_name),
	  .help = "Rules act on connections of this application alone, by the name that hello "
		  "brings" },
	{ "error_labels", VN_OPT_TEXT, offsetof(struct mongo_options, error_labels),
	  .help = "The labels of errors, with commas between them, which replace the server's "
		  "own; none: no labels" },
	{ 0 }
};

VN_PROTOCOL(mongo,
            .help = "MongoDB: OP_MSG and the legacy hello, transactions, exhaust cursors",
            .options = options, .opts_size = sizeof(struct mongo_options),
            .state_size = sizeof(struct mongo), .request = mongo_request,
            .response = mongo_response, .failures = failures, .own = own, .limits = limits,
            .counterparts = counterparts,
            .kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_LOGIN |
                     VN_IS_COMMAND,
            .fits = mongo_fits, .refuse = mongo_refuse, .word = mongo_word,
            .names_servers = true)
