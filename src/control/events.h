/* events.h - subscribers to events: each with the types it wants, and a bounded buffer.
 *
 *	journal's ring -> control thread -> each subscriber's buffer -> a file, a client of the API
 *
 * A full ring or a slow subscriber blocks no one: an event that finds no room is counted, and
 * the next event that the subscriber gets is "lost", with the count. The caller of
 * subscriber_open() owns the struct, and frees it after subscriber_close(). Control thread only. */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "base/loop.h"
#include "base/text.h"
#include "engine/journal.h"

struct subscriber {
	/* ---- set before subscriber_open() ---- */
	unsigned wants;                 /* bits of enum journal_type; "lost" is always wanted */
	bool stream;                    /* server-sent events instead of lines of JSON */
	void (*ready)(struct subscriber *);     /* something waits in the buffer */

	/* ---- events.c's ---- */
	char *proxy;                    /* what an entry's text begins with; NULL: all proxies */
	char *buffer; size_t from, to;  /* bytes not taken yet; NULL: not open */
	uint64_t lost;                  /* events missed and not reported yet */
	struct subscriber *next, **link;
};

void subscriber_open(struct subscriber *, const char *proxy);   /* NULL: of all proxies */
void subscriber_close(struct subscriber *);             /* nothing, if it is not open */
struct vn_span subscriber_waiting(struct subscriber *); /* borrowed: until the next call */
void subscriber_took(struct subscriber *, size_t n);    /* n bytes of what waits */

/* "fault,closed" to bits. False: `error` has one sentence. */
bool events_types(const char *list, unsigned *wants, char error[ERROR_MAX]);

/* `path`: the file that lines of JSON go to; "-": the standard output; "": none. False:
 * `error` has one sentence; events_stop() must be called all the same. */
bool events_start(struct loop *, const char *path, char error[ERROR_MAX]);
void events_drain(void);        /* moves what is in the ring to the subscribers */
void events_stop(void);         /* writes what is left to the file, for at most 1 s */

struct events_totals {
	uint64_t wanted;                /* events that a subscriber wanted, since the start */
	uint64_t lost;                  /* those that one missed, counted for each */
	unsigned subscribers;           /* now */
};

struct events_totals events_totals(void);

#endif
