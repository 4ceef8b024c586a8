/* mongo_command.c - the frame of a request, its document, and what the command does.
 *
 * OP_MSG has sections in any order: one document (kind 0), and sequences of documents (kind 1).
 * OP_QUERY has a document of collection "$cmd". The document is walked once, when all of it is
 * there; what lies behind WIRE_VIEW is not seen. */
#include "protocols/mongo_command.h"

#include <string.h>

enum { SECTIONS_MAX = 16 };

#define READS   VN_IS_READ
#define WRITES  (VN_IS_WRITE | IS_CONCERNED)

/* The first row that fits the name is the command. */
static const struct known commands[] = {
	{ "find", READS }, { "insert", WRITES }, { "update", WRITES, LISTED },
	{ "delete", WRITES, LISTED }, { "getMore", READS | IS_GETMORE }, { "aggregate", READS },
	{ "findAndModify", WRITES }, { "findandmodify", WRITES }, { "count", READS },
	{ "distinct", READS }, { "bulkWrite", WRITES },
	{ "hello", VN_IS_SETUP | IS_HELLO }, { "isMaster", VN_IS_SETUP | IS_HELLO },
	{ "ismaster", VN_IS_SETUP | IS_HELLO },
	{ "commitTransaction", VN_IS_COMMIT | IS_CONCERNED, ENDS },
	{ "abortTransaction", VN_IS_ROLLBACK, ENDS },
	{ "saslStart", VN_IS_LOGIN, SECRET }, { "saslContinue", VN_IS_LOGIN, SECRET },
	{ "authenticate", VN_IS_LOGIN, SECRET }, { "ping", 0 }, { "endSessions", 0 },
	{ "killCursors", 0 }, { "list", READS, PREFIX }, { "createUser", WRITES, SECRET },
	{ "updateUser", WRITES, SECRET }, { "create", WRITES, PREFIX }, { "dropConnections", 0 },
	{ "drop", WRITES, PREFIX },
	{ "explain", READS }, { "dbStats", READS }, { "dbstats", READS }, { "collStats", READS },
	{ "dataSize", READS }, { "renameCollection", WRITES }, { "collMod", WRITES },
	{ "mapReduce", WRITES, OUTPUT }, { "mapreduce", WRITES, OUTPUT },
	{ "cloneCollectionAsCapped", WRITES }, { "applyOps", WRITES },
	{ "updateSearchIndex", WRITES }, { "setIndexCommitQuorum", WRITES },
	{ "setClusterParameter", WRITES }, { "setDefaultRWConcern", WRITES },
	{ "analyze", WRITES }, { "reIndex", VN_IS_WRITE },
	{ "convertToCapped", WRITES }, { "compact", VN_IS_WRITE }, { "updateRole", WRITES },
	{ "grant", WRITES, PREFIX }, { "revoke", WRITES, PREFIX }, { "usersInfo", READS },
	{ "rolesInfo", READS }, { "buildInfo", 0 }, { "buildinfo", 0 }, { "startSession", 0 },
	{ "refreshSessions", 0 }, { "killSessions", 0 }, { "killAllSessions", 0 },
	{ "killAllSessionsByPattern", 0 }, { "logout", 0 }, { "getnonce", 0 }, { "whatsmyuri", 0 },
	{ "connectionStatus", 0 }, { "serverStatus", 0 }, { "hostInfo", 0 }, { "features", 0 },
	{ "getParameter", 0 }, { "setParameter", 0 }, { "getCmdLineOpts", 0 }, { "getLog", 0 },
	{ "currentOp", 0 }, { "killOp", 0 }, { "profile", 0 }, { "top", 0 }, { "validate", READS },
	{ "connPoolStats", 0 }, { "replSet", 0, PREFIX }, { "getDefaultRWConcern", 0 },
	{ "setFeatureCompatibilityVersion", 0 }, { "fsync", 0 }, { "shutdown", 0 },
	{ "dbHash", READS }, { "filemd5", READS }, { "planCacheClear", 0 }, { "logRotate", 0 },
	{ "lockInfo", 0 }, { "rotateCertificates", 0 }, { "fsyncUnlock", 0 },
	{ "getClusterParameter", 0 }, { "invalidateUserCache", 0 }, { "cleanupOrphaned", 0 },
	{ "getLastError", 0 }, { "getlasterror", 0 }, { "availableQueryOptions", 0 },
	{ "atlasVersion", 0 }, { "isdbgrid", 0 }, { "configureFailPoint", 0 },
};

unsigned known_number(const struct known *k)
{
	return k ? (unsigned)(k - commands) + 1 : 0;
}

const char *known_name(unsigned number)
{
	return number && number <= sizeof commands / sizeof commands[0] ?
	               commands[number - 1].name : "";
}

static const struct known *known_find(struct vn_span name)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct known *k = &commands[i];
		size_t n = strlen(k->name);
		if (name.n && k->name[0] == name.p[0] &&
		    (k->how & PREFIX ? name.n >= n : name.n == n) && !memcmp(name.p, k->name, n))
			return k;
	}
	return NULL;
}

/* ---- the frame ---- */

static enum wire_step query_read(struct wire *w, struct vn_span view)
{
	static const char command[] = ".$cmd";
	size_t at = WIRE_HEAD + 4, tail = sizeof command - 1;
	const uint8_t *nul = view.n > at ? memchr(view.p + at, 0, view.n - at) : NULL;

	w->end = w->length;
	if (!nul)
		return view.n < w->length && view.n < WIRE_VIEW ? WIRE_MORE : WIRE_FOREIGN;
	size_t n = (size_t)(nul - view.p) - at;
	if (n <= tail || memcmp(nul - tail, command, tail))
		return WIRE_FOREIGN;
	w->database = (struct vn_span){ view.p + at, n - tail };
	w->document = at + n + 1 + 8;
	if (w->document >= w->length)
		return WIRE_BROKEN;
	w->room = w->length - w->document;
	return WIRE_KNOWN;
}

/* A sequence: its size, its name, its documents. */
static enum wire_step sequence_read(struct wire *w, struct vn_span view, size_t at, size_t size)
{
	size_t most = at + size < view.n ? at + size : view.n;
	const uint8_t *nul = most > at + 5 ? memchr(view.p + at + 5, 0, most - at - 5) : NULL;

	if (w->many || !nul)
		return w->many || most < at + size ? WIRE_KNOWN : WIRE_BROKEN;
	w->many = (size_t)(nul - view.p) + 1;
	w->many_room = at + size - w->many;
	return WIRE_KNOWN;
}

/* One section, from *at on. WIRE_UNSEEN: it begins behind the view. */
static enum wire_step section_read(struct wire *w, struct vn_span view, size_t *at)
{
	if (view.n < *at + 5)
		return WIRE_UNSEEN;
	size_t size = bson_u32(view.p + *at + 1);
	uint8_t kind = view.p[*at];
	if (kind > 1 || size < 5 || size > w->end - *at - 1 || (!kind && w->document))
		return WIRE_BROKEN;
	enum wire_step step = WIRE_KNOWN;
	if (kind) {
		step = sequence_read(w, view, *at, size + 1);
	} else {
		w->document = *at + 1;
		w->room = size;
	}
	*at += size + 1;
	return step;
}

/* What comes after the document is looked at for the filter of a sequence only: so the outcome does
 * not depend on how much of it is at hand. */
static enum wire_step message_read(struct wire *w, struct vn_span view)
{
	enum wire_step step = WIRE_KNOWN;
	size_t at = WIRE_HEAD + 4;

	w->flags = bson_u32(view.p + WIRE_HEAD);
	if (w->flags & 0xffff & ~(HAS_CHECKSUM | MORE_TO_COME))
		return WIRE_FOREIGN;
	w->end = w->length - (w->flags & HAS_CHECKSUM ? 4 : 0);
	while (at < w->end && step == WIRE_KNOWN)
		step = w->end - at < 6 || w->sections++ == SECTIONS_MAX ?
		               WIRE_BROKEN : section_read(w, view, &at);
	if (w->document)
		return WIRE_KNOWN;
	if (step == WIRE_UNSEEN && view.n < w->length && view.n < WIRE_VIEW)
		return WIRE_MORE;
	return step == WIRE_KNOWN ? WIRE_BROKEN : step;
}

bool wire_head_read(struct wire *w, struct vn_span view)
{
	*w = (struct wire){ 0 };
	if (view.n < WIRE_HEAD + 4)
		return false;
	w->length = bson_u32(view.p);
	w->id = bson_u32(view.p + 4);
	w->to = bson_u32(view.p + 8);
	w->op = bson_u32(view.p + 12);
	return true;
}

enum wire_step wire_read(struct wire *w, struct vn_span view)
{
	if (!wire_head_read(w, view))
		return WIRE_MORE;
	if (w->length < WIRE_HEAD + 4 + 5 || w->length > WIRE_MAX)
		return WIRE_FOREIGN;
	size_t most = w->length < WIRE_VIEW ? w->length : WIRE_VIEW;
	if (view.n > most)
		view.n = most;
	if (w->op == OP_QUERY)
		return query_read(w, view);
	return w->op == OP_MSG ? message_read(w, view) : WIRE_FOREIGN;
}

/* ---- the command ---- */

/* The elements that matter, by name. More than one name may mean the same. */
enum field {
	FIELD_DB, FIELD_FILTER, FIELD_COLLECTION, FIELD_LISTED, FIELD_LSID, FIELD_TRANSACTION,
	FIELD_AUTOCOMMIT, FIELD_STARTS, FIELD_COMPRESSION, FIELD_CLIENT, FIELD_API, FIELD_CLUSTER,
	FIELD_OUT,
};

static const struct { const char *name; enum field field; } fields[] = {
	{ "$db", FIELD_DB }, { "filter", FIELD_FILTER }, { "query", FIELD_FILTER },
	{ "q", FIELD_FILTER }, { "pipeline", FIELD_FILTER }, { "collection", FIELD_COLLECTION },
	{ "updates", FIELD_LISTED }, { "deletes", FIELD_LISTED }, { "lsid", FIELD_LSID },
	{ "txnNumber", FIELD_TRANSACTION }, { "autocommit", FIELD_AUTOCOMMIT },
	{ "startTransaction", FIELD_STARTS }, { "compression", FIELD_COMPRESSION },
	{ "client", FIELD_CLIENT }, { "apiVersion", FIELD_API }, { "$clusterTime", FIELD_CLUSTER },
	{ "out", FIELD_OUT },
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* The element of this name in a document; type 0: it is not there. */
static struct bson_item item_in(uint8_t type, struct vn_span value, const char *name)
{
	struct bson_walk w;
	struct bson_item i;

	if (bson_inside(&w, type, value))
		while (bson_next(&w, &i) == BSON_ITEM)
			if (!name || bson_named(&i, name))
				return i;
	return (struct bson_item){ 0 };
}

static void filter_take(struct command *c, uint8_t type, struct vn_span value)
{
	if (c->filter.p || (type != BSON_DOCUMENT && type != BSON_ARRAY))
		return;
	c->filter = value;
	c->filter_type = type;
}

/* The `q` of an element of updates or deletes. */
static void listed_take(struct command *c, uint8_t type, struct vn_span value)
{
	struct bson_item q = item_in(type, value, "q");

	filter_take(c, q.type, q.value);
}

static bool differs_each_time(enum field f)
{
	return f == FIELD_LSID || f == FIELD_TRANSACTION || f == FIELD_CLUSTER;
}

static void field_take(struct command *c, enum field f, const struct bson_item *i)
{
	struct bson_item in;
	int64_t n = 0;

	switch (f) {
	case FIELD_DB: c->database = bson_text(i->type, i->value); break;
	case FIELD_FILTER: filter_take(c, i->type, i->value); break;
	case FIELD_COLLECTION:
		if (c->known && c->known->is & IS_GETMORE)
			c->collection = bson_text(i->type, i->value);
		break;
	case FIELD_LISTED:
		in = item_in(i->type, i->value, NULL);
		listed_take(c, in.type, in.value);
		break;
	case FIELD_LSID: c->lsid = i->type == BSON_DOCUMENT ? i->value : c->lsid; break;
	case FIELD_TRANSACTION:
		c->has_transaction = bson_number(i->type, i->value, &c->transaction);
		break;
	case FIELD_AUTOCOMMIT: c->autocommit = i->type == BSON_BOOL; break;
	case FIELD_STARTS: c->starts = bson_number(i->type, i->value, &n) && n; break;
	case FIELD_COMPRESSION:
		if (i->type == BSON_ARRAY && item_in(i->type, i->value, NULL).type)
			c->compression = i->all;
		break;
	case FIELD_CLIENT:
		in = item_in(i->type, i->value, "application");
		in = item_in(in.type, in.value, "name");
		c->application = bson_text(in.type, in.value);
		break;
	case FIELD_API: c->api = i->all; break;
	case FIELD_OUT: c->answered = item_in(i->type, i->value, "inline").type; break;
	case FIELD_CLUSTER: break;
	}
}

/* The first element names the command, and often its collection. */
static void name_take(struct command *c, const struct bson_item *i)
{
	c->name = i->name;
	c->known = known_find(i->name);
	c->collection = bson_text(i->type, i->value);
	if (c->known && c->known->is & IS_GETMORE)
		bson_number(i->type, i->value, &c->cursor);
}

static enum wire_step document_read(struct command *c, struct bson_walk *w, bool hashed)
{
	struct bson_item i;
	enum bson_step step;

	while ((step = bson_next(w, &i)) == BSON_ITEM) {
		unsigned f = 0;
		if (!c->name.p)
			name_take(c, &i);
		while (f < FIELDS && (fields[f].name[0] != (i.name.n ? i.name.p[0] : 0) ||
		                      !bson_named(&i, fields[f].name)))
			f++;
		if (f < FIELDS)
			field_take(c, fields[f].field, &i);
		if (hashed && (f == FIELDS || !differs_each_time(fields[f].field)))
			c->hash = vn_hash(c->hash, i.all);
	}
	if (step == BSON_BROKEN || !c->name.p)
		return WIRE_BROKEN;
	return step == BSON_OVER ? WIRE_KNOWN : WIRE_UNSEEN;
}

/* Update and delete may have their filter in the first document of a sequence. */
static enum wire_step sequence_filter(struct command *c, const struct wire *wire,
                                      struct vn_span view)
{
	size_t most = wire->length < WIRE_VIEW ? wire->length : WIRE_VIEW, at = wire->many;
	struct bson_walk w;

	if (!at)
		return wire->document + wire->room < wire->end && view.n < most ? WIRE_MORE :
		                                                                  WIRE_KNOWN;
	if (at >= view.n)
		return view.n < most ? WIRE_MORE : WIRE_KNOWN;
	struct vn_span in = { view.p + at, view.n - at };
	enum bson_step step = bson_begin(&w, in, wire->many_room);
	if (step == BSON_ITEM && bson_length(&w) <= in.n)
		listed_take(c, BSON_DOCUMENT, (struct vn_span){ in.p, bson_length(&w) });
	else if (step != BSON_BROKEN && view.n < most)
		return WIRE_MORE;
	return WIRE_KNOWN;
}

enum wire_step command_read(struct command *c, const struct wire *wire, struct vn_span view,
                            bool hashed)
{
	size_t most = wire->length < WIRE_VIEW ? wire->length : WIRE_VIEW;
	struct bson_walk w;
	struct bson_item only;

	*c = (struct command){ .database = wire->database };
	if (view.n > most)
		view.n = most;
	struct vn_span in = { view.p + wire->document,
	                      view.n > wire->document ? view.n - wire->document : 0 };
	if (in.n < 4)
		return view.n < most ? WIRE_MORE : WIRE_UNSEEN;
	if (bson_begin(&w, in, wire->room) != BSON_ITEM)
		return WIRE_BROKEN;
	if (bson_length(&w) > in.n && view.n < most)
		return WIRE_MORE;
	if (wire->op == OP_QUERY) {             /* drivers may wrap it, to say how to read */
		struct vn_span all = { in.p, bson_length(&w) < in.n ? bson_length(&w) : in.n };
		only = item_in(BSON_DOCUMENT, all, "$query");
		if (only.type)
			bson_inside(&w, only.type, only.value);
	}
	c->body = (size_t)(w.view.p - view.p);
	enum wire_step step = document_read(c, &w, hashed);
	if (step == WIRE_KNOWN && c->known && c->known->how & LISTED && !c->filter.p)
		step = sequence_filter(c, wire, view);
	return step;
}

/* ---- what it does ---- */

/* A pipeline that ends with a stage that writes. */
static bool pipeline_writes(const struct command *c)
{
	struct bson_walk w;
	struct bson_item stage, first = { 0 };

	if (c->filter_type != BSON_ARRAY || !bson_inside(&w, c->filter_type, c->filter))
		return false;
	while (bson_next(&w, &stage) == BSON_ITEM)
		first = item_in(stage.type, stage.value, NULL);
	return first.type && (bson_named(&first, "$out") || bson_named(&first, "$merge"));
}

unsigned command_is(const struct command *c)
{
	if (!c->known)
		return VN_IS_COMMAND | VN_IS_UNKNOWN;
	unsigned is = c->known->is;
	if (!(is & (IS_HELLO | VN_IS_LOGIN)))
		is |= VN_IS_COMMAND;
	if (is & VN_IS_READ && pipeline_writes(c))
		is = (is & ~(unsigned)VN_IS_READ) | WRITES;
	if (c->known->how & OUTPUT && c->answered)
		is = (is & ~(unsigned)WRITES) | READS;
	if (c->starts)
		is |= VN_IS_BEGIN;
	if (c->autocommit && c->has_transaction) {
		if (!(c->known->how & ENDS))
			is = (is | IS_INSIDE) & ~(unsigned)IS_CONCERNED;
	}
	return is;
}

static void subject_put(char *to, size_t *n, struct vn_span text)
{
	if (text.n > SUBJECT_MAX - *n)
		text.n = SUBJECT_MAX - *n;
	if (text.n)
		memcpy(to + *n, text.p, text.n);
	*n += text.n;
}

size_t command_subject(const struct command *c, char to[SUBJECT_MAX])
{
	const struct vn_span dot = { (const uint8_t *)".", 1 }, blank = { (const uint8_t *)" ", 1 };
	size_t n = 0;

	if (c->known && c->known->how & SECRET)
		return 0;
	subject_put(to, &n, c->database);
	if (c->collection.n) {
		if (n)
			subject_put(to, &n, dot);
		subject_put(to, &n, c->collection);
	}
	if (c->filter.p) {
		subject_put(to, &n, blank);
		n += bson_json(to + n, SUBJECT_MAX - n, c->filter_type, c->filter);
	}
	return n;
}
