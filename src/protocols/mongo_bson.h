/* mongo_bson.h - BSON of MongoDB: elements of a peer's document, one by one; and documents of ours.
 *
 * A peer's document may lie in the view only in part. Nothing behind the view is read, and lengths
 * that do not fit into each other are found: BSON_BROKEN. */
#ifndef PROTOCOLS_MONGO_BSON_H
#define PROTOCOLS_MONGO_BSON_H

#include "vaurien.h"

enum bson_type {
	BSON_DOUBLE = 0x01, BSON_STRING = 0x02, BSON_DOCUMENT = 0x03, BSON_ARRAY = 0x04,
	BSON_BINARY = 0x05, BSON_UNDEFINED = 0x06, BSON_OID = 0x07, BSON_BOOL = 0x08,
	BSON_DATE = 0x09, BSON_NULL = 0x0a, BSON_REGEX = 0x0b, BSON_POINTER = 0x0c,
	BSON_CODE = 0x0d, BSON_SYMBOL = 0x0e, BSON_SCOPED = 0x0f, BSON_INT32 = 0x10,
	BSON_TIMESTAMP = 0x11, BSON_INT64 = 0x12, BSON_DECIMAL = 0x13, BSON_MAX = 0x7f,
	BSON_MIN = 0xff,
};

enum bson_step {
	BSON_ITEM,
	BSON_OVER,                      /* the document ends */
	BSON_SHORT,                     /* it goes on behind the view */
	BSON_BROKEN,
};

struct bson_item {                      /* an element: all of it lies in the view */
	uint8_t type;
	struct vn_span name;            /* without its 0 */
	struct vn_span value;
	struct vn_span all;             /* type, name and value */
};

struct bson_walk {
	struct vn_span view;            /* begins with the document */
	size_t at, end;                 /* the next element; the document's last byte */
};

uint32_t bson_u32(const uint8_t *);
int64_t bson_i64(const uint8_t *);

/* Begin a document of at most `room` bytes, of which those in the view are at hand. BSON_ITEM: it
 * has begun. */
enum bson_step bson_begin(struct bson_walk *, struct vn_span view, size_t room);
enum bson_step bson_next(struct bson_walk *, struct bson_item *);

/* The bytes of the whole document. */
static inline size_t bson_length(const struct bson_walk *w)
{
	return w->end + 1;
}

/* Begin a value that is a document or an array. False: it is neither. */
bool bson_inside(struct bson_walk *, uint8_t type, struct vn_span value);

/* Is this the name? */
bool bson_named(const struct bson_item *, const char *name);

/* The characters of a string. p NULL: it is none. */
struct vn_span bson_text(uint8_t type, struct vn_span value);

/* A number of any type, or a truth, as a whole number. False: it is none. */
bool bson_number(uint8_t type, struct vn_span value, int64_t *);

/* Write the value as JSON, at most `room` bytes of it. Returns how many. */
size_t bson_json(char *to, size_t room, uint8_t type, struct vn_span value);

/* ---- documents of ours: into memory of the caller ---- */

struct bson_out {
	uint8_t *p;
	size_t n, room;
	bool full;                      /* it does not fit: what was written is void */
};

void bson_put(struct bson_out *, const void *, size_t n);
void bson_put_u32(struct bson_out *, uint32_t);
void bson_patch_u32(struct bson_out *, size_t at, uint32_t);    /* over bytes that were put */

/* A document; or an element that is one, of type BSON_DOCUMENT or BSON_ARRAY. Returns what end
 * needs. */
size_t bson_open(struct bson_out *);
size_t bson_open_in(struct bson_out *, uint8_t type, const char *name);
void bson_close(struct bson_out *, size_t from);

void bson_put_item(struct bson_out *, uint8_t type, const char *name, const void *, size_t n);
void bson_put_text(struct bson_out *, const char *name, struct vn_span);
void bson_put_string(struct bson_out *, const char *name, const char *);
void bson_put_double(struct bson_out *, const char *name, double);
void bson_put_int(struct bson_out *, const char *name, int32_t);
void bson_put_long(struct bson_out *, const char *name, int64_t);
void bson_put_bool(struct bson_out *, const char *name, bool);

#endif
