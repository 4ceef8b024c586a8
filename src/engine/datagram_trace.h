/* datagram_trace.h - exchanges of datagrams in events: see trace.h.
 *
 * It does next to nothing unless somebody reads the event "exchange", or errors are counted. */
#ifndef ENGINE_DATAGRAM_TRACE_H
#define ENGINE_DATAGRAM_TRACE_H

#include "engine/conn_trace.h"
#include "engine/datagram.h"

/* Around a call of request() or response(): session->report, and what it has brought. */
struct vn_report *datagram_report_begin(struct flow *, bool request, const struct exchange *);
void datagram_report_end(struct flow *, struct exchange *);

/* The same around word(). `x` may be NULL. */
struct vn_report *datagram_report_refused(struct flow *, const struct exchange *x,
                                          const struct vn_failure *);
void datagram_report_worded(struct flow *, struct exchange *x);

/* A new exchange gets a trace, if somebody wants it. */
void datagram_trace_begin(struct flow *, struct exchange *, const struct vn_message *);

/* Notes the names of the rules that have struck it; NULL is ignored. */
void datagram_trace_rules(struct flow *, struct trace *, const struct rule_flags *);

/* Writes the event and frees the trace, or ignores NULL: no answer comes; the backend's answer was
 * lost. */
void datagram_trace_over(struct flow *, struct trace *);
void datagram_trace_lost(struct flow *, struct trace *);

#endif
