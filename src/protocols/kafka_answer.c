/* kafka_answer.c - answers of Kafka: their addresses, errors and versions replaced. */
#include "protocols/kafka_answer.h"

#include <stdio.h>
#include <string.h>

#include "protocols/kafka_word.h"

struct edit {
	struct walk w;
	struct vn_session *t;
	struct vn_buffer *out;
	const uint8_t *copied;          /* up to here they are in `out`, as they are to be sent */
	int16_t code;                   /* where there is no error; 0: none */
	uint32_t throttle;              /* milliseconds */
	bool map, edited, struck;       /* struck: code or throttle are in it */
	struct vn_span host;            /* of the broker under way ... */
	const uint8_t *host_at;
	size_t count_at;                /* of the list of brokers, in `out` ... */
	uint32_t hidden;                /* ... and those that are left out of it */
	bool nowhere;                   /* an address outside of a list is to be hidden */
};

static void edit_copy(struct edit *e, const uint8_t *to)
{
	kf_put(e->out, e->copied, (size_t)(to - e->copied));
	e->copied = to;
}

static void edit_error(struct edit *e, const uint8_t *at, bool may)
{
	int code = (int16_t)kf_be16(at);
	char text[8];

	if (!code && e->code && may) {
		edit_copy(e, at);
		kf_put16(e->out, (uint16_t)e->code);
		e->copied = at + 2;
		e->edited = e->struck = true;
		code = e->code;
	}
	if (!code || !e->t->report)
		return;
	int n = snprintf(text, sizeof text, "%d", code);
	vn_session_error(e->t, text, (size_t)n);
}

static void edit_throttle(struct edit *e, const uint8_t *at)
{
	if (kf_be32(at) >= e->throttle)
		return;
	edit_copy(e, at);
	kf_put32(e->out, e->throttle);
	e->copied = at + 4;
	e->edited = e->struck = true;
	e->t->mute = (vn_nsec)e->throttle * VN_MS;
}

/* The broker at e->host has this port. */
static void edit_address(struct edit *e, const uint8_t *port)
{
	struct vn_place other;
	enum vn_mapped mapped;

	if (!e->map || !e->host.n)
		return;
	mapped = vn_map_address(e->t, e->host, kf_be32(port), &other);
	if (mapped == VN_MAP_HIDE) {
		e->w.hide = e->nowhere = e->edited = true;
		return;
	}
	if (mapped != VN_MAP_OTHER || !other.port || other.host.n > 255)
		return;
	edit_copy(e, e->host_at);
	kf_put_string(&(struct writer){ e->out, e->w.r.flexible }, other.host);
	kf_put32(e->out, other.port);
	e->copied = port + 4;
	e->edited = true;
}

/* A list of brokers begins: its count is written behind it. */
static void edit_list(struct edit *e)
{
	edit_copy(e, e->w.at);
	e->count_at = vn_buffer_span(e->out).n;
	edit_copy(e, e->w.r.p);
}

static void edit_on(struct walk *w, char kind, struct vn_span value, uint32_t count)
{
	struct edit *e = w->to;

	switch (kind) {
	case 'e': edit_error(e, value.p, true); break;
	case 'o': edit_error(e, value.p, false); break;
	case 't': edit_throttle(e, value.p); break;
	case 'A':
		if (e->map)
			edit_list(e);
		break;
	case 'H':
		e->host = value;
		e->host_at = w->at;
		break;
	case 'p': edit_address(e, value.p); break;
	default: break;
	}
}

static void edit_left_out(struct walk *w, const uint8_t *element)
{
	struct edit *e = w->to;

	edit_copy(e, element);
	e->copied = w->r.p;
	e->hidden++;
	e->nowhere = false;
}

static void edit_listed(struct walk *w, uint32_t count)
{
	struct edit *e = w->to;

	if (!e->hidden)
		return;
	if (w->r.flexible)
		kf_patch_varint(e->out, e->count_at, count - e->hidden + 1);
	else
		kf_patch32(e->out, e->count_at, count - e->hidden);
}

static void edit_begin(struct edit *e, struct vn_session *t, const struct vn_message *asked,
                       struct vn_span in)
{
	const struct vn_failure *f = asked->struck;
	unsigned how = f ? f->number & HOW : 0;
	vn_nsec throttle = ((const struct kafka_opts *)t->opts)->throttle_time;

	*e = (struct edit){
		.w = { .r = { in.p, in.p + in.n }, .version = kf_version_of(asked), .on = edit_on,
		       .left_out = edit_left_out, .over = edit_listed },
		.t = t, .out = t->scratch, .copied = in.p, .map = t->map,
		.code = f && how != SLOWED ? kf_code_of(f, asked) : 0,
		.throttle = f && how == SLOWED ? (uint32_t)(throttle / VN_MS) : 0,
	};
	e->w.to = e;
}

/* The walk is over at w.r.p, or where records begin that are not at hand. */
static struct vn_cut edit_cut(struct edit *e, struct vn_span in, uint64_t len, bool ends)
{
	struct vn_cut cut = { ends ? VN_CUT_END : VN_CUT_PART, len };

	if (!e->edited)
		return cut;
	edit_copy(e, in.p + len);
	cut.replaced = true;
	cut.instead = vn_buffer_span(e->out);
	return cut;
}

static void edit_missed(const struct edit *e, struct vn_session *t, const struct vn_message *asked,
                        bool short_of)
{
	if (!asked->struck || e->struck)
		return;
	t->limit = short_of  ? "the answer is longer than 60000 bytes" :
	           e->w.r.bad ? "the answer is not understood" :
	                       "the answer has no place for the error: it names no partition, or "
	                       "has an error already";
}

/* An answer that is seen as a whole. */
static struct vn_cut answer_whole(struct vn_session *t, struct vn_span in,
                                  const struct vn_message *asked, const struct api *a)
{
	struct edit e;

	edit_begin(&e, t, asked, in);
	kf_take(&e.w.r, 8);
	e.w.r.flexible = kf_version_of(asked) >= a->flexible;
	kf_tags(&e.w.r);
	kf_walk_all(&e.w, a->response);
	edit_missed(&e, t, asked, false);
	if (e.w.r.bad && e.map && strchr(a->response, 'H'))
		t->notice = "an answer with addresses is not understood: they pass";
	if (e.w.r.bad)
		return (struct vn_cut){ VN_CUT_END, in.n };
	if (e.nowhere) {                /* as if there were no coordinator yet */
		size_t before = vn_buffer_span(t->scratch).n;
		kf_word_all(t->scratch, a, asked, 15, (struct vn_span){ 0 }, NULL);
		struct vn_span all = vn_buffer_span(t->scratch);
		return (struct vn_cut){ VN_CUT_END, in.n, true,
			                { all.p + before, all.n - before } };
	}
	struct vn_cut cut = edit_cut(&e, in, in.n, true);
	if (cut.replaced)
		kf_patch32(t->scratch, 0, (uint32_t)cut.instead.n - 4);
	return cut;
}

/* Of a longer Metadata only the brokers, at its beginning, are looked at. */
static struct vn_cut answer_head(struct vn_session *t, struct vn_span in, uint64_t total,
                                 const struct vn_message *asked, const struct api *a)
{
	struct kafka *s = t->state;
	struct edit e;

	edit_begin(&e, t, asked, in);
	e.code = 0;
	kf_take(&e.w.r, 8);
	e.w.r.flexible = kf_version_of(asked) >= a->flexible;
	kf_tags(&e.w.r);
	kf_walk_all(&e.w, "t3[iHps1]");
	edit_missed(&e, t, asked, true);
	if (e.w.r.bad || !e.edited)
		return (struct vn_cut){ VN_CUT_END, total };
	uint64_t len = (uint64_t)(e.w.r.p - in.p);
	struct vn_cut cut = edit_cut(&e, in, len, false);
	kf_patch32(t->scratch, 0, (uint32_t)(total - len + cut.instead.n) - 4);
	s->answer = (struct units){ .left = total - len };
	return cut;
}

static struct vn_cut answer_over(struct kafka *s)
{
	struct vn_cut cut = { VN_CUT_END, s->answer.left };

	s->answer = (struct units){ 0 };
	return cut;
}

/* A Fetch is edited partition by partition, however long it is: no length changes. */
static struct vn_cut fetch_first(struct vn_session *t, struct vn_span in, uint64_t total,
                                 const struct vn_message *asked, const struct api *a)
{
	struct kafka *s = t->state;
	struct edit e;

	in.n = in.n < PARTLY ? in.n : PARTLY;
	edit_begin(&e, t, asked, in);
	e.w.r.leaves = true;
	kf_take(&e.w.r, 8);
	e.w.r.flexible = kf_version_of(asked) >= a->flexible;
	kf_tags(&e.w.r);
	kf_walk_all(&e.w, a->response);
	edit_missed(&e, t, asked, false);
	uint64_t len = (uint64_t)(e.w.r.p - in.p), more = e.w.r.want;
	if (!e.edited || len + more > total)
		return (struct vn_cut){ VN_CUT_END, total };
	s->answer = (struct units){ .left = total - len, .records = more, .topics = e.w.topics,
		                    .parts = e.w.parts, .cut = more && e.code,
		                    .flexible = e.w.r.flexible };
	return edit_cut(&e, in, len, false);
}

struct vn_cut kf_fetch_next(struct vn_session *t, struct vn_span in,
                                const struct vn_message *asked)
{
	struct kafka *s = t->state;
	struct units *u = &s->answer;
	struct edit e;

	if (!u->cut || !asked || !asked->struck || u->records >= u->left)
		return answer_over(s);
	if (u->records) {
		struct vn_cut cut = { VN_CUT_PART, u->records };
		u->left -= u->records;
		u->records = 0;
		return cut;
	}
	struct vn_span at = { in.p, in.n < u->left ? in.n : u->left };
	edit_begin(&e, t, asked, at);
	e.w.r.leaves = true;
	e.w.r.flexible = u->flexible;
	bool unit = kf_walk_unit(&e.w, u, "xell4l5[ll]4i11y");
	if (e.w.r.bad && !e.w.r.want && in.n < u->left && in.n < PARTLY)
		return vn_cut_more();
	uint64_t len = (uint64_t)(e.w.r.p - in.p);
	if (!unit || (e.w.r.bad && !e.w.r.want))
		return answer_over(s);
	if (len == u->left) {
		*u = (struct units){ 0 };
		return edit_cut(&e, in, len, true);
	}
	u->left -= len;
	u->records = e.w.r.want;
	u->topics = e.w.topics;
	u->parts = e.w.parts;
	return edit_cut(&e, in, len, false);
}

/* ---- versions ---- */

/* A range of versions of one API, in an answer to ApiVersions. Returns its newest version that may
 * be told; -1: none. */
static int version_most(const uint8_t *range)
{
	const struct api *a = kf_api_find(kf_be16(range));
	int least = (int16_t)kf_be16(range + 2), most = (int16_t)kf_be16(range + 4);

	if (!a || a->most < least)
		return -1;
	return most < a->most ? most : a->most;
}

/* Only what is understood is offered: unknown APIs, newer versions and features are left out. */
static struct vn_cut versions_cap(struct vn_session *t, struct vn_span in,
                                  const struct vn_message *asked)
{
	int version = kf_version_of(asked);
	bool flexible = version >= 3;
	struct reader r = { in.p + 8, in.p + in.n, flexible }, again;
	const uint8_t *code = kf_take(&r, 2);
	uint32_t n = kf_length(&r, 4), kept = 0;
	struct vn_buffer *o = t->scratch;

	if (!code || kf_be16(code))
		return (struct vn_cut){ VN_CUT_END, in.n };
	again = r;
	for (uint32_t i = 0; i < n && !r.bad; i++, kf_tags(&r)) {
		const uint8_t *range = kf_take(&r, 6);
		kept += range && version_most(range) >= 0;
	}
	const uint8_t *throttle = version ? kf_take(&r, 4) : NULL;
	if (r.bad)
		return (struct vn_cut){ VN_CUT_END, in.n };
	kf_put(o, in.p, 10);
	kf_put_length(&(struct writer){ o, flexible }, 4, kept);
	for (uint32_t i = 0; i < n; i++, kf_tags(&again)) {
		const uint8_t *range = kf_take(&again, 6);
		if (version_most(range) < 0)
			continue;
		kf_put(o, range, 4);
		kf_put16(o, (unsigned)version_most(range));
		if (flexible)
			vn_buffer_byte(o, 0);
	}
	if (throttle)
		kf_put(o, throttle, 4);
	if (flexible)
		vn_buffer_byte(o, 0);
	struct vn_span all = vn_buffer_span(o);
	kf_patch32(o, 0, (uint32_t)all.n - 4);
	if (all.n == in.n && !memcmp(all.p, in.p, in.n))
		return (struct vn_cut){ VN_CUT_END, in.n };
	return (struct vn_cut){ VN_CUT_END, in.n, true, all };
}

/* ---- answers ---- */

static bool capped(const struct vn_session *t)
{
	return !strcmp(((const struct kafka_opts *)t->opts)->api_versions, "cap");
}

struct vn_cut kf_answer_cut(struct vn_session *t, struct vn_span in, uint64_t total,
                                const struct vn_message *asked)
{
	const struct api *a = kf_api_of(asked);
	bool read = a && kf_version_of(asked) <= a->most;
	bool whole = total <= WHOLE_MAX;

	if (a && a->key == API_VERSIONS && read && capped(t) && whole) {
		if (in.n < total)
			return vn_cut_more();
		return versions_cap(t, (struct vn_span){ in.p, total }, asked);
	}
	bool maps = t->map && a && a->response && strchr(a->response, 'H');
	if (maps && !read)
		t->notice = "an answer with addresses is of a version that is not known: they pass";
	if (!read || !a->response || !(asked->struck || maps || t->report))
		return (struct vn_cut){ VN_CUT_END, total };
	if (!whole && !asked->struck && !(maps && a->key == METADATA))
		return (struct vn_cut){ VN_CUT_END, total };
	if (in.n < (whole ? total : PARTLY))
		return vn_cut_more();
	if (whole)
		return answer_whole(t, (struct vn_span){ in.p, total }, asked, a);
	if (a->key == METADATA)
		return answer_head(t, in, total, asked, a);
	if (a->key == FETCH)
		return fetch_first(t, in, total, asked, a);
	t->limit = "the answer is longer than 60000 bytes";
	return (struct vn_cut){ VN_CUT_END, total };
}
