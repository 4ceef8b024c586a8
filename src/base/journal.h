/* journal.h - queue of events for subscribers, written by any thread.
 *
 *   journal_write() in any thread -> journal_ring -> control thread: see control/events.h
 *
 * An entry is on its writer's stack. journal_write() copies it. Nothing is written unless a
 * subscriber wants that type of event. */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdatomic.h>

#include "vaurien.h"

struct ring;

enum journal_type {
	JOURNAL_OPENED, JOURNAL_CLOSED, /* a connection */
	JOURNAL_FAULT,                  /* a rule strikes an exchange or a connection */
	JOURNAL_UNREACHABLE,            /* a rule cannot do what it should do */
	JOURNAL_MISSED,                 /* a rule has found nothing to strike */
	JOURNAL_RAW,                    /* a connection's parser gives up */
	JOURNAL_CHANGED,                /* the configuration */
	JOURNAL_EXCHANGE,               /* an exchange has ended; only for those who name it */
	JOURNAL_GAVE_UP,                /* a client has stopped waiting for an answer */
	JOURNAL_BYPASS,                 /* a server tells clients an address that no proxy has */
	JOURNAL_TLS,                    /* a handshake; a stream that was cut off */
	JOURNAL_MARK,                   /* a text of a client of the API */
	JOURNAL_LOST,                   /* events that a subscriber has missed */
	JOURNAL_TYPES
};

extern const char *const journal_names[JOURNAL_TYPES];

/* Bits of enum journal_type: what a subscriber gets that names no types. */
#define JOURNAL_USUAL (~(1u << JOURNAL_EXCHANGE))

/* Bytes of an entry's text, and of one value in it. Longer values are truncated. */
enum { JOURNAL_ROOM = 2048, JOURNAL_WORDS = 200 };

struct journal_entry {
	vn_nsec at;                     /* monotonic clock */
	uint16_t type, n;               /* enum journal_type; bytes of text */
	char text[JOURNAL_ROOM];        /* "proxy": "NAME", "key": value, ... */
};

#define JOURNAL_HEAD offsetof(struct journal_entry, text)

extern _Atomic unsigned journal_wanted; /* bits of enum journal_type; control sets it */
extern struct ring journal_ring;        /* entries, without the unused part of their text */

/* The types of these bits that a subscriber wants. */
static inline unsigned journal_wants_any(unsigned types)
{
	return (unsigned)__builtin_expect(
		atomic_load_explicit(&journal_wanted, memory_order_relaxed) & types, 0);
}

static inline bool journal_wants(enum journal_type t)
{
	return journal_wants_any(1u << t);
}

/* journal_begin(), then the fields in order, then journal_write(). A field without room is left
 * out. `words` need not be UTF-8. */
void journal_begin(struct journal_entry *, enum journal_type, vn_nsec at, const char *proxy);
void journal_text(struct journal_entry *, const char *key, const char *words);
/* {"pid": PID, "name": NAME} */
void journal_process(struct journal_entry *, const char *key, unsigned pid, const char *name);
void journal_count(struct journal_entry *, const char *key, uint64_t n);
void journal_seconds(struct journal_entry *, const char *key, vn_nsec);
void journal_hash(struct journal_entry *, const char *key, uint64_t);   /* 16 hex digits, quoted */
void journal_is(struct journal_entry *, const char *key, bool);
void journal_null(struct journal_entry *, const char *key);

/* A list of texts: `names` has `size` bytes, a 0 after each text. Texts without room are left
 * out. */
void journal_list(struct journal_entry *, const char *key, const char *names, size_t size);
void journal_write(const struct journal_entry *);

#endif
