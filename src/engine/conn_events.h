/* conn_events.h - lines and events "opened" and "closed", of connections and of flows. */
#ifndef ENGINE_CONN_EVENTS_H
#define ENGINE_CONN_EVENTS_H

#include "base/journal.h"
#include "engine/stats.h"
#include "spec/spec.h"

struct birth;

/* Does anybody read that a connection has begun: the log, or a subscriber? */
bool conn_opened_is_read(void);

/* `client`: its address. `born`: NULL if it was accepted at the proxy itself. */
void conn_opened_write(const struct spec *, uint64_t number, vn_nsec since, const char *client,
                       const struct birth *born);

/* A connection at its end. */
struct conn_closed {
	const char *proxy;
	uint64_t number;
	enum close_reason why;
	bool reset;                     /* by RST */
	vn_nsec now, since;             /* monotonic; `since`: when it began */
	uint64_t exchanges;
	struct { uint64_t came, sent; } request, response;      /* bytes of each direction */
};

void conn_closed_log(const char *proxy, uint64_t number, enum close_reason);

/* Begins the event. "client_closed" is to follow: see docs/api.md. */
void conn_closed_begin(struct journal_entry *, const struct conn_closed *);

#endif
