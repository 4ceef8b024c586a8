/* kafka_word.c - errors of Kafka, as whole answers that mirror their requests. */
#include "protocols/kafka_word.h"

#include <string.h>

int16_t kf_code_of(const struct vn_failure *f, const struct vn_message *asked)
{
	int16_t code = (int16_t)(f->number & 0xffff);

	if (code != 29)
		return code;
	return asked->is & IS_TXN ? 53 : asked->is & (IS_GROUP | IS_FINDING) ? 30 : 29;
}

struct worder {
	struct writer w;
	int version;
	int16_t code;
	struct vn_span shape;           /* the rest of it */
	struct vn_span topic;
	const uint8_t *index;           /* of the partition */
	const char *text;               /* NULL: null */
};

/* The next of that kind in the shape: a topic, or a partition of this one. */
static bool shape_next(struct worder *o, char kind)
{
	struct vn_span *s = &o->shape;

	while (s->n && *s->p != kind && kind == 'q') {
		s->p += 5;
		s->n -= 5;
	}
	if (!s->n || *s->p != kind)
		return false;
	size_t n = kind == 'q' ? 3 + (size_t)kf_be16(s->p + 1) : 5;
	if (kind == 'q')
		o->topic = (struct vn_span){ s->p + 3, n - 3 };
	else
		o->index = s->p + 1;
	s->p += n;
	s->n -= n;
	return true;
}

static uint32_t shape_count(const struct worder *o, char kind)
{
	struct worder copy = *o;
	uint32_t n = 0;

	while (shape_next(&copy, kind))
		n++;
	return n;
}

static void word_items(struct worder *o, const char *schema, const char *end);

static void word_array(struct worder *o, const struct item *it)
{
	char of = it->mark == 'T' ? 'q' : it->mark == 'P' ? 'x' : 0;

	kf_put_length(&o->w, 4, of ? shape_count(o, of) : 0);
	while (of && shape_next(o, of)) {
		word_items(o, it->body, it->end);
		if (o->w.flexible && it->kind == '[')
			vn_buffer_byte(o->w.out, 0);
	}
}

static void put_null(const struct writer *w)
{
	if (w->flexible)
		vn_buffer_byte(w->out, 0);
	else
		kf_put16(w->out, 0xffff);
}

static void word_item(struct worder *o, const struct item *it)
{
	static const char zeros[16] = "", ones[] = "\377\377\377\377\377\377\377\377";

	if (it->body) {
		word_array(o, it);
		return;
	}
	switch (it->kind) {
	case 'e': kf_put16(o->w.out, (uint16_t)o->code); break;
	case 'x': kf_put(o->w.out, o->index, 4); break;
	case 'q': kf_put_string(&o->w, o->topic); break;
	case 'm':
		if (o->text)
			kf_put_string(&o->w, (struct vn_span){ (const uint8_t *)o->text,
			                                    strlen(o->text) });
		else
			put_null(&o->w);
		break;
	case 'B': vn_buffer_byte(o->w.out, 0xff); break;
	case 'y': kf_put_length(&o->w, 4, 0); break;
	case 't': case 'z': case 'b': case 'u':
		kf_put(o->w.out, zeros, kf_width(it->kind));
		break;
	default:
		if (kf_width(it->kind))
			kf_put(o->w.out, ones, kf_width(it->kind));
		else
			kf_put_length(&o->w, 2, 0);
	}
}

static void word_items(struct worder *o, const char *schema, const char *end)
{
	struct item it;

	while (schema < end) {
		schema = kf_item_read(schema, &it);
		if (kf_item_is_in(&it, o->version))
			word_item(o, &it);
	}
}

void kf_word_all(struct vn_buffer *out, const struct api *a, const struct vn_message *asked,
                     int16_t code, struct vn_span shape, const char *text)
{
	struct worder o = { .w = { out, kf_version_of(asked) >= a->flexible },
		            .version = kf_version_of(asked), .code = code, .shape = shape,
		            .text = text };
	size_t at = vn_buffer_span(out).n;

	kf_put32(out, 0);
	kf_put32(out, (uint32_t)asked->seq);
	if (o.w.flexible)
		vn_buffer_byte(out, 0);
	word_items(&o, a->response, a->response + strlen(a->response));
	if (o.w.flexible)
		vn_buffer_byte(out, 0);
	kf_patch32(out, at, (uint32_t)(vn_buffer_span(out).n - at - 4));
}
