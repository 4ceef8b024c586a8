/* events.h - who is told what happened: readers, each with the types it wants and a bounded buffer.
 *
 *   ring of news -> control thread -> reader's buffer -> a file, a client of the API
 *
 * Neither a full ring nor a reader that is slow holds anyone up: what finds no room is counted, and the reader is told
 * how many it has missed. All here is for the control thread. */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "base/loop.h"
#include "engine/journal.h"
#include "spec/option.h"

struct subscriber {
	unsigned wants;                 /* bits of enum journal_type; what it has lost it is told always */
	bool stream;                    /* server-sent events, not lines of JSON */
	void (*ready)(struct subscriber *); /* something waits */
	char *proxy;                    /* only of this one, as a text of news begins; NULL: of all */
	char *buffer; size_t from, to;  /* what it has not taken yet */
	uint64_t lost;                  /* what it has missed and was not told of */
	struct subscriber *next, **link;
};

void subscriber_open(struct subscriber *, const char *proxy);   /* NULL: of all */
void subscriber_close(struct subscriber *);
struct vn_span subscriber_waiting(struct subscriber *);
void subscriber_took(struct subscriber *, size_t n);

bool events_types(const char *list, unsigned *wants, char error[ERROR_MAX]);     /* "fault,closed" */

/* `path`: where lines of JSON go, "-" is the standard output; "": nowhere. False: `error` says why. */
bool events_start(struct loop *, const char *path, char error[ERROR_MAX]);
void events_drain(void);                        /* what was told so far goes to the readers */
void events_stop(void);                         /* the file gets what is left */

struct events_totals { uint64_t told, lost; unsigned subscribers; };       /* ever: of all kinds that someone wanted; by whichever reader */
struct events_totals events_totals(void);

#endif
