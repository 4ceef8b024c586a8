/* mongo_hello.c - hello without compression, and its answer with the addresses of the proxies.
 *
 * A driver connects to each server that `hosts`, `passives` and `arbiters` name, and drops one
 * whose `me` is another address than it has dialed. So all of them are changed alike. Of a server
 * whose own address is to be hidden nothing may tell that it is a member: else the driver drops
 * it. */
#include "protocols/mongo_hello.h"

#include <stdio.h>
#include <string.h>

enum { USUAL_PORT = 27017, PLACE_MAX = 300 };

/* ---- the request ---- */

struct patch { size_t at; uint32_t value; };

void hello_strip(const struct wire *w, const struct command *c, struct vn_span view,
                 struct vn_buffer *to)
{
	uint32_t gone = (uint32_t)c->compression.n,
		 sum = w->op == OP_MSG && w->flags & HAS_CHECKSUM ? 4 : 0;
	size_t at = 0, from = (size_t)(c->compression.p - view.p);
	const struct patch patches[] = {
		{ 0, w->length - gone - sum },
		{ w->op == OP_MSG ? WIRE_HEAD : 0, w->flags & ~(uint32_t)HAS_CHECKSUM },
		{ w->document, bson_u32(view.p + w->document) - gone },
		{ c->body, bson_u32(view.p + c->body) - gone },
	};

	for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
		const struct patch *p = &patches[i];
		if (i && p->at < at)
			continue;       /* it has no such field, or is the same */
		vn_buffer_put(to, view.p + at, p->at - at);
		for (unsigned shift = 0; shift < 32; shift += 8)
			vn_buffer_byte(to, (uint8_t)(p->value >> shift));
		at = p->at + 4;
	}
	vn_buffer_put(to, view.p + at, from - at);
	vn_buffer_put(to, view.p + from + gone, w->length - sum - from - gone);
}

/* ---- the answer ---- */

struct rewrite {
	struct vn_session *t;
	struct bson_out *o;
	bool changed, alone;            /* alone: it is told as a server that is no member */
};

/* "name:1", "[::1]:1", "name" */
static enum vn_mapped place_map(struct vn_session *t, struct vn_span text, char to[PLACE_MAX])
{
	struct vn_place other = { 0 };
	struct vn_span host = text;
	unsigned port = USUAL_PORT;
	size_t colon = text.n;

	while (colon && text.p[colon - 1] >= '0' && text.p[colon - 1] <= '9')
		colon--;
	if (colon && text.p[colon - 1] == ':' && text.n - colon < 6 && colon < text.n) {
		host.n = colon - 1;
		port = 0;
		for (; colon < text.n; colon++)
			port = port * 10 + text.p[colon] - '0';
	}
	if (!text.n || port > 65535)
		return VN_MAP_SAME;
	bool path = memchr(host.p, '/', host.n);
	enum vn_mapped is = vn_map_address(t, host, path ? 0 : port, &other);
	if (is != VN_MAP_OTHER)
		return is;
	bool v6 = other.port && memchr(other.host.p, ':', other.host.n);
	int n = snprintf(to, PLACE_MAX, "%s%.*s%s", v6 ? "[" : "", (int)other.host.n,
	                 (const char *)other.host.p, v6 ? "]" : "");
	if (n < 0 || n > PLACE_MAX - 8)
		return VN_MAP_SAME;
	if (other.port)
		snprintf(to + n, (size_t)(PLACE_MAX - n), ":%u", other.port);
	return VN_MAP_OTHER;
}

/* A server's address, under this name. False: it is left out. */
static bool text_rewrite(struct rewrite *r, const struct bson_item *i, const char *name)
{
	struct vn_span text = bson_text(i->type, i->value);
	char other[PLACE_MAX];
	enum vn_mapped is = text.p ? place_map(r->t, text, other) : VN_MAP_SAME;

	r->changed |= is != VN_MAP_SAME;
	if (is == VN_MAP_HIDE)
		return false;
	if (is == VN_MAP_OTHER)
		bson_put_string(r->o, name, other);
	else
		bson_put_item(r->o, i->type, name, i->value.p, i->value.n);
	return true;
}

static void array_rewrite(struct rewrite *r, const struct bson_item *array, const char *name)
{
	struct bson_walk w;
	struct bson_item i;
	unsigned n = 0;
	char key[16];

	if (!bson_inside(&w, array->type, array->value)) {
		bson_put(r->o, array->all.p, array->all.n);
		return;
	}
	size_t from = bson_open_in(r->o, BSON_ARRAY, name);
	while (bson_next(&w, &i) == BSON_ITEM) {
		snprintf(key, sizeof key, "%u", n);
		n += text_rewrite(r, &i, key);
	}
	bson_close(r->o, from);
}

enum how { AS_IS, AS_LIST, AS_TEXT, OF_MEMBER };

static const struct { const char *name; enum how how; } places[] = {
	{ "hosts", AS_LIST }, { "passives", AS_LIST }, { "arbiters", AS_LIST },
	{ "primary", AS_TEXT }, { "me", AS_TEXT }, { "setName", OF_MEMBER },
	{ "setVersion", OF_MEMBER }, { "electionId", OF_MEMBER }, { "secondary", OF_MEMBER },
	{ "arbiterOnly", OF_MEMBER }, { "isreplicaset", OF_MEMBER },
};

static void item_rewrite(struct rewrite *r, const struct bson_item *i)
{
	size_t n = 0;

	while (n < sizeof places / sizeof places[0] && !bson_named(i, places[n].name))
		n++;
	enum how how = n < sizeof places / sizeof places[0] ? places[n].how : AS_IS;
	if (how != AS_IS && r->alone)
		return;
	if (how == AS_LIST)
		array_rewrite(r, i, places[n].name);
	else if (how == AS_TEXT)
		text_rewrite(r, i, places[n].name);
	else
		bson_put(r->o, i->all.p, i->all.n);
}

static bool is_hidden(struct vn_session *t, struct vn_span document)
{
	char other[PLACE_MAX];
	struct bson_walk w;
	struct bson_item i;

	if (!bson_inside(&w, BSON_DOCUMENT, document))
		return false;
	while (bson_next(&w, &i) == BSON_ITEM) {
		struct vn_span text = bson_text(i.type, i.value);
		if (text.p && bson_named(&i, "me"))
			return place_map(t, text, other) == VN_MAP_HIDE;
	}
	return false;
}

static bool document_rewrite(struct rewrite *r, struct vn_span document)
{
	struct bson_walk w;
	struct bson_item i;
	enum bson_step step;

	if (!bson_inside(&w, BSON_DOCUMENT, document))
		return false;
	r->changed = r->alone = is_hidden(r->t, document);
	size_t from = bson_open(r->o);
	while ((step = bson_next(&w, &i)) == BSON_ITEM)
		item_rewrite(r, &i);
	bson_close(r->o, from);
	return step == BSON_OVER && r->changed && !r->o->full;
}

bool hello_rewrite(struct vn_session *t, struct vn_span message, size_t document,
                   struct vn_buffer *to)
{
	uint8_t bytes[2 * HELLO_MAX];
	struct bson_out o = { bytes, 0, sizeof bytes, false };
	struct rewrite r = { .t = t, .o = &o };
	struct bson_walk w;
	struct vn_span in = { message.p + document, message.n - document };

	if (!t->map || bson_begin(&w, in, in.n) != BSON_ITEM || bson_length(&w) > in.n)
		return false;
	bson_put(&o, message.p, document);
	if (!document_rewrite(&r, (struct vn_span){ in.p, bson_length(&w) }))
		return false;
	if (bson_u32(message.p + 12) == OP_MSG)
		bson_patch_u32(&o, WIRE_HEAD,
		               bson_u32(message.p + WIRE_HEAD) & ~(uint32_t)HAS_CHECKSUM);
	bson_patch_u32(&o, 0, (uint32_t)o.n);
	vn_buffer_put(to, o.p, o.n);
	return true;
}
