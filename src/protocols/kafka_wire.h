/* kafka_wire.h - Kafka's bytes: read and walked through by schemas, and written.
 *
 * A schema is a text, an item after the other, as the protocol guide has them:
 *
 *   b h i l z  integers of 1, 2, 4, 8 and 8 bytes; z is 0 in an error, the others
 *              are -1 (but b)
 *   B          what begins with it is of no interest
 *   u s y      a UUID, a string, bytes
 *   [..]       an array of structs;  <.> an array of one item without tags
 *   T P        before an array: topics, and the partitions of one; an error mirrors the request's
 *   q x        a topic's name and a partition's index, in T and P
 *   e t m      an error code, a time of throttling, a message (null in an error)
 *   o          an error code that is never edited
 *   H p        a broker's host and its port: addresses that the map replaces
 *   g k M      the group (or the key of a coordinator), the transactional id, the member
 *   D E c a    the producer's id and its epoch, "committed", acks
 *
 * A number behind an item is the version that has it first; 2-4: first and last. */
#ifndef PROTOCOLS_KAFKA_WIRE_H
#define PROTOCOLS_KAFKA_WIRE_H

#include "vaurien.h"

enum { ANY_VERSION = 99 };

struct reader {
	const uint8_t *p, *end;
	bool flexible, bad;
	bool leaves;                    /* it stops where records begin */
	uint64_t want;                  /* bad: so many bytes of records follow p, not taken */
};

struct units {                          /* a frame that is cut at its partitions */
	uint64_t left;                  /* bytes of it behind the last cut; 0: none is under way */
	uint64_t records;               /* of these, records that pass as they are */
	uint32_t topics, parts;         /* that are still to come; parts: of this topic */
	bool cut;                       /* false: the rest is one piece */
	bool flexible;
};

struct item {
	char mark, kind;                /* mark: T, P or 0 */
	const char *body, *end;         /* of an array */
	long since, until;              /* versions */
};

/* A walk through bytes by their schema. It stops where they are bad, or end. */
struct walk {
	struct reader r;
	int version;
	uint32_t topics, parts;         /* still to come */
	bool stop;                      /* what follows is of no interest */
	bool hide;                      /* the element under way is to be left out */
	const uint8_t *at;              /* where the item begins */
	/* An item's value; of an array its count, with kind T, P or [. */
	void (*on)(struct walk *, char kind, struct vn_span value, uint32_t count);
	void (*left_out)(struct walk *, const uint8_t *element);        /* NULL: nothing is */
	void (*over)(struct walk *, uint32_t count);    /* an array is over, which had `hide` */
	void *to;
};

struct writer { struct vn_buffer *out; bool flexible; };

uint16_t kf_be16(const uint8_t *);
uint32_t kf_be32(const uint8_t *);

/* ---- reading ---- */

/* The next n bytes; NULL: there are not so many. */
const uint8_t *kf_take(struct reader *, uint64_t n);
uint32_t kf_varint(struct reader *);

/* A length or a count: `bytes` is how wide it is if it is not flexible. Null is 0. */
uint32_t kf_length(struct reader *, unsigned bytes);
struct vn_span kf_string(struct reader *);
void kf_tags(struct reader *);

/* ---- schemas ---- */

/* Reads the item at p. Returns what follows. */
const char *kf_item_read(const char *p, struct item *);
bool kf_item_is_in(const struct item *, int version);

/* Has the schema's outermost struct such an item, in this version? */
bool kf_schema_has(const char *schema, char kind, int version);

/* Bytes of an integer; 0: it is none. */
unsigned kf_width(char kind);

void kf_walk_all(struct walk *, const char *schema);

/* The next partition of a frame that is cut at these. `partition`: the schema of one. False: there
 * is none. */
bool kf_walk_unit(struct walk *, struct units *, const char *partition);

/* ---- writing ---- */

void kf_put(struct vn_buffer *, const void *bytes, size_t n);
void kf_put16(struct vn_buffer *, unsigned);
void kf_put32(struct vn_buffer *, uint32_t);
void kf_put_varint(struct vn_buffer *, uint32_t);
void kf_put_length(const struct writer *, unsigned bytes, uint32_t n);
void kf_put_string(const struct writer *, struct vn_span);

/* Bytes that were written before become others. A varint must have had room for a greater number:
 * its last bytes may then be zero. */
void kf_patch32(struct vn_buffer *, size_t at, uint32_t);
void kf_patch_varint(struct vn_buffer *, size_t at, uint32_t);

#endif
