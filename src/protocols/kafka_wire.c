/* kafka_wire.c - Kafka's bytes: read and walked through by schemas, and written. */
#include "protocols/kafka_wire.h"

#include <string.h>

/* ---- reading ---- */

uint16_t kf_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t kf_be32(const uint8_t *p)
{
	return (uint32_t)kf_be16(p) << 16 | kf_be16(p + 2);
}

const uint8_t *kf_take(struct reader *r, uint64_t n)
{
	const uint8_t *at = r->p;

	if (r->bad || n > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return at;
}

uint32_t kf_varint(struct reader *r)
{
	uint32_t n = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		const uint8_t *b = kf_take(r, 1);
		if (!b)
			return 0;
		n |= (uint32_t)(*b & 0x7f) << shift;
		if (!(*b & 0x80))
			return n;
	}
	r->bad = true;
	return 0;
}

uint32_t kf_length(struct reader *r, unsigned bytes)
{
	if (r->flexible) {
		uint32_t n = kf_varint(r);
		return n ? n - 1 : 0;
	}
	const uint8_t *at = kf_take(r, bytes);
	uint32_t n = !at ? 0 : bytes == 2 ? kf_be16(at) : kf_be32(at);
	return n >> (bytes * 8 - 1) ? 0 : n;
}

struct vn_span kf_string(struct reader *r)
{
	uint32_t n = kf_length(r, 2);
	const uint8_t *at = kf_take(r, n);

	return (struct vn_span){ at, at ? n : 0 };
}

/* What is at hand of it. */
static struct vn_span records(struct reader *r)
{
	uint32_t n = kf_length(r, 4);
	const uint8_t *at = r->p;

	if (r->bad || ((!r->leaves || !n) && kf_take(r, n)))
		return (struct vn_span){ at, r->bad ? 0 : n };
	r->bad = true;
	r->want = n;
	return (struct vn_span){ at, (size_t)(r->end - at) };
}

void kf_tags(struct reader *r)
{
	for (uint32_t n = r->flexible ? kf_varint(r) : 0; n && !r->bad; n--) {
		kf_varint(r);
		kf_take(r, kf_varint(r));
	}
}

/* ---- schemas ---- */

static const char *digits(const char *p, long *n)
{
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + *p - '0';
	return p;
}

const char *kf_item_read(const char *p, struct item *it)
{
	*it = (struct item){ .until = ANY_VERSION };
	if (*p == 'T' || *p == 'P')
		it->mark = *p++;
	it->kind = *p++;
	if (it->kind == '[' || it->kind == '<') {
		it->body = p;
		for (int depth = 1; depth; p++)
			depth += (*p == '[' || *p == '<') - (*p == ']' || *p == '>');
		it->end = p - 1;
	}
	if (*p >= '0' && *p <= '9') {
		p = digits(p, &it->since);
		if (*p == '-')
			p = digits(p + 1, &it->until);
	}
	return p;
}

bool kf_item_is_in(const struct item *it, int version)
{
	return version >= it->since && version <= it->until;
}

bool kf_schema_has(const char *schema, char kind, int version)
{
	struct item it;

	while (schema && *schema) {
		schema = kf_item_read(schema, &it);
		if (it.kind == kind && kf_item_is_in(&it, version))
			return true;
	}
	return false;
}

unsigned kf_width(char kind)
{
	switch (kind) {
	case 'b': case 'c': return 1;
	case 'h': case 'e': case 'o': case 'E': case 'a': return 2;
	case 'i': case 'x': case 't': case 'p': return 4;
	case 'l': case 'z': case 'D': return 8;
	case 'u': return 16;
	default: return 0;
	}
}

static void walk_items(struct walk *w, const char *schema, const char *end);

static void walk_array(struct walk *w, const struct item *it)
{
	uint32_t n = kf_length(&w->r, 4);
	bool addresses = memchr(it->body, 'H', (size_t)(it->end - it->body));

	if (w->r.bad)
		return;
	w->on(w, addresses ? 'A' : it->mark ? it->mark : '[', (struct vn_span){ 0 }, n);
	for (uint32_t i = 0; i < n && !w->r.bad && !w->stop; i++) {
		const uint8_t *element = w->r.p;
		if (it->mark == 'T')
			w->topics = n - i - 1;
		else if (it->mark == 'P')
			w->parts = n - i - 1;
		walk_items(w, it->body, it->end);
		if (it->kind == '[' && !w->r.bad)
			kf_tags(&w->r);
		if (w->hide && w->left_out && !w->r.bad)
			w->left_out(w, element);
		w->hide = false;
	}
	if (addresses && w->over && !w->r.bad)
		w->over(w, n);
}

static void walk_item(struct walk *w, const struct item *it)
{
	struct vn_span v = { 0 };

	w->at = w->r.p;
	if (it->body) {
		walk_array(w, it);
		return;
	}
	if (it->kind == 'B') {
		w->stop = true;
		return;
	}
	if (it->kind == 'y') {
		v = records(&w->r);
	} else if (kf_width(it->kind)) {
		v = (struct vn_span){ kf_take(&w->r, kf_width(it->kind)), kf_width(it->kind) };
	} else {
		v = kf_string(&w->r);
	}
	if (!w->r.bad || w->r.want)
		w->on(w, it->kind, v, 0);
}

static void walk_items(struct walk *w, const char *schema, const char *end)
{
	struct item it;

	while (schema < end && !w->r.bad && !w->stop) {
		schema = kf_item_read(schema, &it);
		if (kf_item_is_in(&it, w->version))
			walk_item(w, &it);
	}
}

void kf_walk_all(struct walk *w, const char *schema)
{
	walk_items(w, schema, schema + strlen(schema));
}

bool kf_walk_unit(struct walk *w, struct units *u, const char *partition)
{
	w->topics = u->topics;
	w->parts = u->parts;
	kf_tags(&w->r);                    /* of the partition before */
	while (!w->r.bad && !w->parts) {
		kf_tags(&w->r);            /* of the topic before */
		if (!w->topics || w->r.bad)
			return false;
		w->topics--;
		struct vn_span name = kf_string(&w->r);
		if (!w->r.bad)
			w->on(w, 'q', name, 0);
		w->parts = kf_length(&w->r, 4);
	}
	if (w->r.bad)
		return false;
	w->parts--;
	kf_walk_all(w, partition);
	return true;
}

/* ---- writing ---- */

void kf_put(struct vn_buffer *o, const void *bytes, size_t n)
{
	if (n)
		vn_buffer_put(o, bytes, n);
}

void kf_put16(struct vn_buffer *o, unsigned n)
{
	kf_put(o, (const uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
}

void kf_put32(struct vn_buffer *o, uint32_t n)
{
	kf_put16(o, n >> 16);
	kf_put16(o, n & 0xffff);
}

void kf_put_varint(struct vn_buffer *o, uint32_t n)
{
	for (; n >= 0x80; n >>= 7)
		vn_buffer_byte(o, (uint8_t)(n | 0x80));
	vn_buffer_byte(o, (uint8_t)n);
}

void kf_put_length(const struct writer *w, unsigned bytes, uint32_t n)
{
	if (w->flexible)
		kf_put_varint(w->out, n + 1);
	else if (bytes == 2)
		kf_put16(w->out, n);
	else
		kf_put32(w->out, n);
}

void kf_put_string(const struct writer *w, struct vn_span s)
{
	kf_put_length(w, 2, (uint32_t)s.n);
	kf_put(w->out, s.p, s.n);
}

void kf_patch32(struct vn_buffer *o, size_t at, uint32_t n)
{
	uint8_t *p = (uint8_t *)vn_buffer_span(o).p + at;

	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

void kf_patch_varint(struct vn_buffer *o, size_t at, uint32_t n)
{
	uint8_t *p = (uint8_t *)vn_buffer_span(o).p + at;

	for (; *p & 0x80; p++, n >>= 7)
		*p = (uint8_t)(n | 0x80);
	*p = (uint8_t)n;
}
