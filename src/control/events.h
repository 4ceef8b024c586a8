/* events.h - delivery of events to subscribers, each with a bounded buffer.
 *
 *	journal's ring -> control thread -> each subscriber's buffer -> a file, a client of the API
 *
 * A full ring or a slow subscriber blocks nothing. Events without room are counted, and the
 * subscriber's next event is "lost", with the count. The caller of subscriber_open() owns the
 * struct, and frees it after subscriber_close(). Control thread only. */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "base/journal.h"
#include "base/loop.h"
#include "base/text.h"

struct subscriber {
	/* ---- set before subscriber_open() ---- */
	unsigned wants;                 /* bits of enum journal_type; "lost" is always wanted */
	bool stream;                    /* server-sent events instead of lines of JSON */
	void (*ready)(struct subscriber *);     /* called when events wait in the buffer */

	/* ---- private to events.c ---- */
	char *proxy;                    /* prefix of the entries it wants; NULL: all proxies */
	char *buffer; size_t from, to;  /* buffer[from..to) waits; NULL: not open */
	uint64_t lost;                  /* events missed and not reported yet */
	struct subscriber *next, **link;
};

void subscriber_open(struct subscriber *, const char *proxy);   /* NULL: of all proxies */
void subscriber_close(struct subscriber *);     /* if it is open */

/* The bytes that wait, valid until the next call. subscriber_took() removes the first n. */
struct vn_span subscriber_waiting(struct subscriber *);
void subscriber_took(struct subscriber *, size_t n);

/* Reads a list such as "fault,closed" into bits. False: `error` has one sentence. */
bool events_types(const char *list, unsigned *wants, char error[ERROR_MAX]);

/* `path`: the file for lines of JSON; "-": standard output; "": none. False: `error` has one
 * sentence; events_stop() must be called all the same. */
bool events_start(struct loop *, const char *path, char error[ERROR_MAX]);

/* Moves the events in the ring to the subscribers. */
void events_drain(void);

/* Writes the events that are left to the file, for at most 1 s. */
void events_stop(void);

struct events_totals {
	uint64_t wanted;                /* events that a subscriber wanted, since the start */
	uint64_t lost;                  /* events missed, summed over the subscribers */
	unsigned subscribers;           /* now */
};

struct events_totals events_totals(void);

#endif
