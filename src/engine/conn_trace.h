/* conn_trace.h - traces of a connection's exchanges, and clients that stop waiting: for events.
 *
 * Nothing here is called for exchanges without a trace, which are all as long as nobody reads the
 * event "exchange". */
#ifndef ENGINE_CONN_TRACE_H
#define ENGINE_CONN_TRACE_H

#include "base/journal.h"
#include "engine/engine.h"
#include "engine/trace.h"

/* A new exchange gets a trace, if somebody wants it. `request`: its bytes are under way, and the
 * protocol has just described it. */
void exchange_trace(struct conn *, struct exchange *, const struct vn_message *, bool request);

static inline void exchange_trace_if(struct conn *c, struct exchange *x,
                                     const struct vn_message *m, bool request)
{
	if (journal_wants(JOURNAL_EXCHANGE) && (!request || c->shard->worker->session.report))
		exchange_trace(c, x, m, request);
}

/* A rule refuses it. */
void exchange_trace_refused(struct exchange *, const struct plan *, uint64_t rule);

/* Its failure has been written, under this code; "": it is no error. */
void exchange_trace_worded(struct exchange *, const char *code);

/* The request's last byte has come. */
void conn_trace_heard(struct conn *);

/* It is answered: by the backend, or with its failure. If the last bytes of the answer are held,
 * the trace is their parcel's from now on. */
void exchange_trace_answered(struct conn *, struct exchange *);

/* The first bytes of the answer to a turn have been sent: where it ends is not known. */
void exchange_trace_spoke(struct conn *, struct exchange *);

/* Bytes with the end of its answer have been sent. */
void parcel_trace_sent(struct pipe *, struct parcel *);

/* It ends without an answer. */
void exchange_trace_over(struct conn *, struct exchange *);

/* The connection ends: so do all its exchanges. */
void conn_traces_end(struct conn *);

/* Other rules: the names of those that go are noted first. */
void conn_traces_change(struct conn *, const struct plan *to);

/* The client has ended its stream ("closed"), has reset the connection ("reset"), or has cancelled
 * what it waits for ("cancelled"): an event for each answer that is owed. */
void conn_gave_up(struct conn *, const char *how);

/* A request of this connection cancels that of the connection with this id: see has_id of struct
 * vn_protocol. It may be another worker's. */
void conn_cancels(struct conn *, uint64_t id);

#endif
