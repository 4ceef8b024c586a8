/* kafka - Kafka: frames of requests and responses, whose bodies small schemas describe. */
#include <stdio.h>
#include <string.h>

#include "protocols/kafka_answer.h"
#include "protocols/kafka_word.h"

static const char *const own[] = {
	"produce", "fetch", "offset look-ups", "metadata", "heartbeats, offset commits and syncs",
	"joins", "groups", "transactions", "the begin and end of transactions",
	"coordinator look-ups", "changes of topics", "produce with acks=all",
	"what can be throttled", "what has an error code",
	"changes of topics, of CreateTopics 6, DeleteTopics 5, CreatePartitions 3 or newer", NULL
};

/* ---- requests ---- */

/* A Produce that is too long to be seen at once is cut behind the records of each partition, while
 * a rule may refuse it: the error names them all. */
static struct vn_cut produce_first(struct kafka *s, const struct walk *w, struct vn_span in,
                                   uint64_t total)
{
	uint64_t len = (uint64_t)(w->r.p - in.p) + w->r.want;

	if (!w->r.want || len >= total)
		return (struct vn_cut){ VN_CUT_END, total };
	s->ask = (struct units){ .left = total - len, .topics = w->topics, .parts = w->parts,
		                 .flexible = w->r.flexible };
	return (struct vn_cut){ VN_CUT_PART, len };
}

static struct vn_cut ask_over(struct kafka *s)
{
	struct vn_cut cut = { VN_CUT_END, s->ask.left };

	s->ask = (struct units){ 0 };
	return cut;
}

static struct vn_cut produce_next(struct vn_session *t, struct vn_span in)
{
	struct kafka *s = t->state;
	uint8_t shape[SHAPE_MAX];
	struct vn_span old = { 0 };
	struct view v = { .shape = shape };
	uint64_t most = in.n < s->ask.left ? in.n : s->ask.left;
	struct walk w = { .r = { in.p, in.p + most, .flexible = s->ask.flexible },
		          .on = kf_view_on, .to = &v };

	if (s->ask.cut)
		old = vn_text_cache_get(t->texts, s->seq);
	if (!old.n || old.n > SHAPE_MAX)
		return ask_over(s);
	memcpy(shape, old.p, old.n);
	v.shape_n = old.n;
	bool more = kf_walk_unit(&w, &s->ask, "xy");
	if (w.r.bad && !w.r.want && in.n < s->ask.left && in.n < PARTLY)
		return vn_cut_more();
	uint64_t len = (uint64_t)(w.r.p - in.p) + w.r.want;
	if (!more || (w.r.bad && !w.r.want) || len >= s->ask.left || v.full) {
		if (more && !v.full)
			vn_text_cache_put(t->texts, s->seq, (struct vn_span){ shape, v.shape_n });
		return ask_over(s);
	}
	vn_text_cache_put(t->texts, s->seq, (struct vn_span){ shape, v.shape_n });
	s->ask.left -= len;
	s->ask.topics = w.topics;
	s->ask.parts = w.parts;
	return (struct vn_cut){ VN_CUT_PART, len };
}

static void request_fill(struct kafka *s, struct vn_message *m, const struct api *a, int version,
                         const struct view *v)
{
	m->is = kf_request_is(a, version, v);
	m->note = (uint64_t)(a - kf_apis) | (uint64_t)version << 8;
	memcpy(m->verb, a->verb, sizeof m->verb);
	m->subject = v->topics > 1 ? (struct vn_span){ (const uint8_t *)s->subject, v->n } :
	             v->topics     ? v->topic :
	             v->group.n    ? v->group :
	                             v->txn;
	if (a->key == PRODUCE && !v->acks) {
		m->role = VN_TELLS;
		s->tells = true;
		s->told = (uint32_t)m->seq;
		m->note |= NOTE_NO_ANSWER;
	}
}

/* A request whose header is at hand: `in` has 14 bytes or more. */
static struct vn_cut request_cut(struct vn_session *t, struct vn_span in, uint64_t total,
                                 struct vn_message *m)
{
	struct kafka *s = t->state;
	int version = kf_be16(in.p + 6);
	const struct api *a = kf_api_find(kf_be16(in.p + 4));
	struct view v = { .subject = s->subject, .room = sizeof s->subject, .acks = 1 };
	struct walk w = { 0 };

	*m = (struct vn_message){ .role = VN_ASKS, .head = 12, .seq = kf_be32(in.p + 8),
		                  .is = VN_IS_COMMAND | VN_IS_UNKNOWN, .verb = "UNKNOWN",
		                  .note = NO_API | (uint64_t)version << 8 };
	if (t->report)
		t->report->given = 12;
	if (!a)
		return (struct vn_cut){ VN_CUT_END, total };
	if (kf_api_read(a, version))
		kf_view_read(&w, &v, a, version, in);
	request_fill(s, m, a, version, &v);
	if (a->key == SASL_HANDSHAKE && !version)
		s->tokens = true;
	if (total <= WHOLE_MAX)
		return (struct vn_cut){ VN_CUT_END, total };
	if (a->key == PRODUCE && t->judged && w.r.want) {
		s->seq = (uint32_t)m->seq;
		return produce_first(s, &w, in, total);
	}
	m->note |= w.r.want && a->key == PRODUCE ? 0 : NOTE_PARTLY;
	return (struct vn_cut){ VN_CUT_END, total };
}

/* After a SaslHandshake of version 0 the client sends bare tokens, until a request follows. */
static bool is_token(struct kafka *s, struct vn_span in, uint32_t size)
{
	s->tokens = size < 10 || !kf_api_find(kf_be16(in.p + 4)) || kf_be16(in.p + 6) > 20;
	return s->tokens;
}

static struct vn_cut kafka_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct kafka *s = t->state;

	if (s->ask.left)
		return produce_next(t, in);
	if (in.n < 4)
		return vn_cut_more();
	uint32_t size = kf_be32(in.p);
	uint64_t total = (uint64_t)size + 4;
	if (size > FRAME_MAX)
		return vn_cut_raw(t, "the bytes are no frames of Kafka; a client may want TLS");
	if (in.n < (total < 14 ? total : 14))
		return vn_cut_more();
	if (s->tokens && is_token(s, in, size)) {
		*m = (struct vn_message){ .role = VN_ASKS, .is = VN_IS_LOGIN, .verb = "SASLTOKEN",
			                  .head = 4, .note = NO_API | NOTE_TOKEN };
		return (struct vn_cut){ VN_CUT_END, total };
	}
	if (total < 14 || kf_be16(in.p + 4) > 1000)
		return vn_cut_raw(t, "a frame is no request of Kafka");
	if (in.n < (total > WHOLE_MAX ? PARTLY : total))
		return vn_cut_more();
	return request_cut(t, in, total, m);
}

/* ---- answers ---- */

/* An answer that nobody waits for: librdkafka's mock answers also with acks=0. */
static bool is_spare(const struct kafka *s, struct vn_span in, const struct vn_message *asked)
{
	uint32_t seq = kf_be32(in.p + 4);

	return s->tells && !(asked && seq == asked->seq) && (int32_t)(s->told - seq) >= 0;
}

static struct vn_cut kafka_response(struct vn_session *t, struct vn_span in,
                                    const struct vn_message *asked, struct vn_message *m)
{
	struct kafka *s = t->state;

	if (s->answer.left)
		return kf_fetch_next(t, in, asked);
	if (in.n < 4)
		return vn_cut_more();
	uint64_t total = (uint64_t)kf_be32(in.p) + 4;
	if (!asked && !s->tells)
		return vn_cut_raw(t, "an answer to nothing");
	m->role = VN_ANSWERS;
	m->head = 4;
	if (asked && asked->note & NOTE_TOKEN)
		return total > FRAME_MAX ? vn_cut_raw(t, "the bytes are no frames of Kafka") :
		                           (struct vn_cut){ VN_CUT_END, total };
	if (total > 4 + (uint64_t)INT32_MAX || total < 8)
		return vn_cut_raw(t, "the bytes are no frames of Kafka");
	if (in.n < 8)
		return vn_cut_more();
	if (is_spare(s, in, asked)) {
		m->role = VN_AIDS;
		return (struct vn_cut){ VN_CUT_END, total };
	}
	if (!asked || kf_be32(in.p + 4) != asked->seq)
		return vn_cut_raw(t, "an answer to another request than the oldest");
	m->head = 8;
	if (asked->note & VN_NOTE_SUBSTITUTE)
		return (struct vn_cut){ VN_CUT_END, total };
	return kf_answer_cut(t, in, total, asked);
}

/* ---- failures ---- */

#define FAILURE(name, code, text, fits, number) \
	{ name, code, text, fits, VN_ON_REQUEST, VN_STAY, CODE(number) }
#define SILENT(name, code, text, fits, moments, end) \
	{ name, code, text, fits, moments, end, UNTOLD }
#define ANY_TIME (VN_ON_REQUEST | VN_ON_REST)

static const char CLOSED[] = "the connection is closed without a word";

static const struct vn_failure failures[] = {
	FAILURE("not_primary", "6 NOT_LEADER_OR_FOLLOWER",
	        "the broker is not the leader of this partition",
	        IS_PRODUCE | IS_FETCH | IS_OFFSETS, 6),
	FAILURE("no_leader", "5 LEADER_NOT_AVAILABLE", "an election is under way", IS_METADATA, 5),
	{ "query_timeout", "7 REQUEST_TIMED_OUT", "the broker executes the request, and times out",
	  IS_PRODUCE, VN_ON_REQUEST, VN_STAY, EDITED | 7 },
	FAILURE("no_replicas", "19 NOT_ENOUGH_REPLICAS", "fewer replicas are in sync than required",
	        IS_ALL_ACKS, 19),
	{ "no_replicas_after_append", "20 NOT_ENOUGH_REPLICAS_AFTER_APPEND",
	  "the messages are written, to fewer replicas in sync than required", IS_ALL_ACKS,
	  VN_ON_REQUEST, VN_STAY, EDITED | 20, .by_name = true },
	FAILURE("disk_full", "56 KAFKA_STORAGE_ERROR", "disk error when trying to access the log",
	        IS_PRODUCE | IS_FETCH, 56),
	{ "io_error", "56 KAFKA_STORAGE_ERROR", "disk error when trying to access the log",
	  IS_PRODUCE | IS_FETCH, VN_ON_REQUEST, VN_STAY, 56, .by_name = true },
	{ "too_big", "10 MESSAGE_TOO_LARGE", "a message is larger than the broker accepts",
	  IS_PRODUCE, VN_ON_REQUEST, VN_STAY, 10, .by_name = true },
	FAILURE("unknown_topic", "3 UNKNOWN_TOPIC_OR_PARTITION",
	        "the broker does not host this partition",
	        IS_PRODUCE | IS_FETCH | IS_METADATA | IS_OFFSETS, 3),
	{ "policy", "29 TOPIC_AUTHORIZATION_FAILED",
	  "not authorized for the topic; the group (30); the transactional id (53)",
	  IS_PRODUCE | IS_FETCH | IS_METADATA | IS_OFFSETS | IS_GROUP | IS_TXN | IS_FINDING |
	          IS_ADMIN,
	  VN_ON_REQUEST, VN_STAY, 29, .by_name = true },
	{ "access_denied", "58 SASL_AUTHENTICATION_FAILED", "Authentication failed", VN_IS_LOGIN,
	  VN_ON_REQUEST, VN_CLOSE, 58 },
	FAILURE("starting_up", "14 COORDINATOR_LOAD_IN_PROGRESS",
	        "the coordinator is loading and cannot process requests", IS_GROUP | IS_TXN, 14),
	FAILURE("unavailable", "15 COORDINATOR_NOT_AVAILABLE", "the coordinator is not available",
	        IS_GROUP | IS_TXN | IS_FINDING, 15),
	FAILURE("not_coordinator", "16 NOT_COORDINATOR", "this is not the correct coordinator",
	        IS_GROUP | IS_TXN, 16),
	FAILURE("rebalance", "27 REBALANCE_IN_PROGRESS", "the group is rebalancing", IS_MEMBER, 27),
	FAILURE("member_lost", "25 UNKNOWN_MEMBER_ID",
	        "the coordinator is not aware of this member", IS_MEMBER | IS_JOIN, 25),
	{ "fenced", "90 PRODUCER_FENCED",
	  "a newer producer with the same transactional id fences this one; older versions say 47",
	  IS_TXN | IS_PRODUCE, VN_ON_REQUEST, VN_STAY, 90, .by_name = true },
	FAILURE("conflict", "51 CONCURRENT_TRANSACTIONS",
	        "another operation of this transaction is under way", IS_CHANGING, 51),
	FAILURE("data_lost", "1 OFFSET_OUT_OF_RANGE", "the requested offset is not on the broker",
	        IS_FETCH, 1),
	{ "overloaded", "throttle_time_ms", "the broker throttles the client", IS_SLOWED,
	  VN_ON_REQUEST, VN_STAY, SLOWED, .by_name = true },
	FAILURE("too_many_requests", "89 THROTTLING_QUOTA_EXCEEDED",
	        "the quota of changes is exceeded", IS_METERED, 89),
	FAILURE("internal_error", "-1 UNKNOWN_SERVER_ERROR", "an unexpected error of the server",
	        IS_WORDED, -1),
	SILENT("too_many_connections", "FIN", CLOSED, VN_IS_OPENING, VN_ON_REQUEST, VN_CLOSE),
	SILENT("shutting_down", "FIN", CLOSED, VN_IS_LOGIN | VN_IS_COMMAND, ANY_TIME, VN_CLOSE),
	SILENT("idle_timeout", "FIN", CLOSED, VN_IS_COMMAND, VN_ON_REST, VN_CLOSE),
	SILENT("gone", "FIN", CLOSED, VN_IS_LOGIN | VN_IS_COMMAND, ANY_TIME, VN_CLOSE),
	SILENT("crash", "RST", "the connection is reset without a word",
	       VN_IS_LOGIN | VN_IS_COMMAND, ANY_TIME, VN_RESET),
	{ 0 }
};

/* The answer is the broker's own, edited. A Fetch is never withheld, because client and broker
 * count the epochs of its session. */
static bool is_edited(const struct vn_failure *f, const struct vn_message *asked)
{
	unsigned how = f->number & HOW;

	return how == EDITED || how == SLOWED ||
	       (how == REFUSED && asked->is & (IS_FETCH | IS_METADATA));
}

static bool kafka_fits(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f)
{
	uint8_t shape[SHAPE_MAX];
	struct view v = { .shape = shape };
	struct walk w;
	const struct api *a = kf_api_of(asked);

	if ((f->number & HOW) == UNTOLD || asked->note & NOTE_TOKEN)
		return true;
	if (!(asked->is & IS_WORDED))
		return false;
	if (is_edited(f, asked)) {
		if (asked->note & NOTE_NO_ANSWER)
			t->limit = "a Produce with acks=0 has no answer to edit";
		return !t->limit;
	}
	kf_view_read(&w, &v, a, kf_version_of(asked), asked->bytes);
	if (asked->note & NOTE_PARTLY || v.full)
		t->limit = "the request is too long to answer all that it names";
	return !t->limit && !(!strcmp(f->name, "fenced") && !v.txn.n);
}

static void put_frame(struct vn_buffer *o, int key, uint32_t seq, size_t n)
{
	kf_put32(o, (uint32_t)n + 10);
	kf_put16(o, (unsigned)key);
	kf_put16(o, 1);
	kf_put32(o, seq);
	kf_put16(o, 0xffff);               /* the client has no name */
}

static void put_classic(struct vn_buffer *o, struct vn_span s)
{
	kf_put_string(&(struct writer){ o, false }, s);
}

/* The member leaves, so that the group rebalances as if the coordinator had lost it. */
static int leave(const struct view *v, uint32_t seq, struct vn_buffer *o)
{
	if (!v->group.n || !v->member.n)
		return 0;
	put_frame(o, LEAVE_GROUP, seq, 4 + v->group.n + v->member.n);
	put_classic(o, v->group);
	put_classic(o, v->member);
	return 1;
}

/* The transaction is aborted, as it is by the producer that fences this one. The ids of a Produce
 * are in its first batch. */
static int abort_transaction(const struct view *v, uint32_t seq, struct vn_buffer *o)
{
	if (!v->txn.n || !v->pid.n || !v->epoch.n)
		return 0;
	put_frame(o, END_TXN, seq, 2 + v->txn.n + 8 + 2 + 1);
	put_classic(o, v->txn);
	kf_put(o, v->pid.p, 8);
	kf_put(o, v->epoch.p, 2);
	vn_buffer_byte(o, 0);
	return 1;
}

/* What a batch of records begins with: offset 8, length 4, epoch 4, magic 1, crc 4, attributes 2,
 * delta 4, times 16, then the producer's id 8 and its epoch 2. */
static void batch_find(struct view *v)
{
	enum { PID = 43, BATCH = PID + 10, MAGIC = 16 };
	struct vn_span in = v->records;

	if (in.n < BATCH || in.p[MAGIC] != 2)
		return;
	v->pid = (struct vn_span){ in.p + PID, 8 };
	v->epoch = (struct vn_span){ in.p + PID + 8, 2 };
}

static int kafka_refuse(struct vn_session *t, const struct vn_message *asked,
                        const struct vn_failure *f, struct vn_buffer *backend)
{
	struct kafka *s = t->state;
	uint8_t shape[SHAPE_MAX];
	struct view v = { .shape = shape };
	struct walk w;

	if ((f->number & HOW) == UNTOLD || asked->note & (NOTE_NO_ANSWER | NOTE_TOKEN)) {
		t->close = true;
		return 0;
	}
	if (is_edited(f, asked))
		return VN_BY_BACKEND;
	kf_view_read(&w, &v, kf_api_of(asked), kf_version_of(asked), asked->bytes);
	if (v.shape_n)
		vn_text_cache_put(t->texts, asked->seq, (struct vn_span){ shape, v.shape_n });
	s->ask.cut = v.shape_n && s->ask.left;
	if (!strcmp(f->name, "member_lost"))
		return leave(&v, (uint32_t)asked->seq, backend);
	if (strcmp(f->name, "fenced"))
		return 0;
	if (asked->is & IS_PRODUCE)
		batch_find(&v);
	return abort_transaction(&v, (uint32_t)asked->seq, backend);
}

static void kafka_word(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *client)
{
	const struct api *a = asked ? kf_api_of(asked) : NULL;
	struct vn_span shape;
	char code[8];

	if ((f->number & HOW) == UNTOLD || !a || asked->note & NOTE_NO_ANSWER)
		return;
	int16_t n = kf_code_of(f, asked);
	if (n == 90 && kf_version_of(asked) < (a->key == 22 ? 4 : a->key == PRODUCE ? 0 : 2))
		n = 47;
	shape = vn_text_cache_get(t->texts, asked->seq);
	if (a->key == PRODUCE && !shape.n) {
		t->close = true;        /* it is gone: others needed its room */
		return;
	}
	vn_session_worded(t, code, (size_t)snprintf(code, sizeof code, "%d", n));
	kf_word_all(client, a, asked, n, shape, a->key == SASL_AUTHENTICATE ? f->text : NULL);
	vn_text_cache_drop(t->texts, asked->seq);
}

/* ---- */

static const char *const limits[] = {
	"With `api_versions = cap` the proxy offers what it understands: Produce up to version 9, "
	"Fetch 12, Metadata 12, OffsetFetch 7, FindCoordinator 3, DescribeCluster 1, "
	"AddPartitionsToTxn 3, EndTxn and TxnOffsetCommit 4, the others as of Kafka 4.0. Features "
	"(the second version of transactions) are not offered.",
	"Requests of newer versions (`pass`), and of administration other than of topics, have no "
	"error codes here: they count as `unreachable`. Addresses in newer versions pass.",
	"Fetch and Metadata are executed, and the error is put into their answer. An answer that "
	"names no partition (nothing is new) cannot be struck: it counts as `unreachable`, and the "
	"next one is struck.",
	"Of answers longer than 60000 bytes only Fetch gets an error; of requests, only Produce.",
	"The subject of a Produce longer than 60000 bytes has the topics that its first 32 KiB "
	"name.",
	NULL
};

static const char *const api_versions[] = { "cap", "pass", NULL };

static const struct vn_opt options[] = {
	{ "api_versions", VN_OPT_CHOICE, offsetof(struct kafka_opts, api_versions), "cap",
	  "cap: the server's answer to ApiVersions offers only what is understood here; pass: all",
	  .choices = api_versions },
	{ "throttle_time", VN_OPT_TIME, offsetof(struct kafka_opts, throttle_time), "1000",
	  "The time that `overloaded` tells clients to wait", .unit = VN_MS, .min = 1,
	  .max = 3600000 },
	{ 0 }
};

VN_PROTOCOL(kafka, .help = "Kafka: produce, fetch, groups, transactions; its answers name proxies",
            .options = options, .opts_size = sizeof(struct kafka_opts),
            .state_size = sizeof(struct kafka), .request = kafka_request,
            .response = kafka_response, .failures = failures, .own = own, .limits = limits,
            .kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_BEGIN | VN_IS_COMMIT | VN_IS_LOGIN |
                     VN_IS_COMMAND,
            .fits = kafka_fits, .refuse = kafka_refuse, .word = kafka_word,
            .names_servers = true)
