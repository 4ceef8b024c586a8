/* datagram_trace.c - exchanges of datagrams in events: see trace.h. */
#include "engine/datagram_trace.h"

#include <stdio.h>
#include <string.h>

static struct vn_report *report_of(struct flow *f)
{
	struct vn_report *r = &flow_worker(f)->report;

	*r = (struct vn_report){ .given = SIZE_MAX };
	return r;
}

struct vn_report *datagram_report_begin(struct flow *f, bool request, const struct exchange *x)
{
	bool wanted = request ? journal_wants(JOURNAL_EXCHANGE) :
	                        x && (x->trace || errors_counted());

	return wanted ? report_of(f) : NULL;
}

void datagram_report_end(struct flow *f, struct exchange *x)
{
	const struct vn_session *t = &flow_worker(f)->session;

	if (x->trace)
		x->trace->by = BY_BACKEND;
	if (!t->report || !t->report->code[0])
		return;
	stats_add(&f->of->shard->stats, STAT_ERRORS, 1);
	if (x->trace)
		memcpy(x->trace->code, t->report->code, sizeof x->trace->code);
}

struct vn_report *datagram_report_refused(struct flow *f, const struct exchange *x,
                                          const struct vn_failure *failure)
{
	if (!x || (!x->trace && !errors_counted()))
		return NULL;
	struct vn_report *r = report_of(f);
	snprintf(r->code, sizeof r->code, "%.*s", (int)strcspn(failure->code, "/ "),
	         failure->code);
	return r;
}

void datagram_report_worded(struct flow *f, struct exchange *x)
{
	const struct vn_session *t = &flow_worker(f)->session;

	if (!t->report || !t->scratch->n)
		return;
	stats_add(&f->of->shard->stats, STAT_ERRORS, t->report->code[0] != 0);
	if (x->trace)
		exchange_trace_worded(x, t->report->code);
}

void datagram_trace_begin(struct flow *f, struct exchange *x, const struct vn_message *m)
{
	const struct vn_report *r = &flow_worker(f)->report;

	if (!journal_wants(JOURNAL_EXCHANGE) || m->role != VN_ASKS)
		return;
	size_t given = r->given == SIZE_MAX ? m->head : r->given;
	x->trace = trace_make(f->number, x->number, m, flow_worker(f)->loop.now);
	trace_speak(x->trace, m, flow_protocol(f)->quoted_names, r->before, given);
	trace_hear(x->trace, m->bytes.p, m->bytes.n);
}

void datagram_trace_rules(struct flow *f, struct trace *t, const struct rule_flags *s)
{
	ruleset whole = f->plan->per_connection & plan_on(f->plan, IN_EXCHANGES);

	if (t)
		trace_rules(t, f->plan, s->struck | (f->whole.struck & whole));
}

void datagram_trace_over(struct flow *f, struct trace *t)
{
	if (!t)
		return;
	t->by = BY_NOBODY;
	trace_write(t, shard_spec(f->of->shard)->name, flow_worker(f)->loop.now);
	trace_free(t);
}

void datagram_trace_lost(struct flow *f, struct trace *t)
{
	if (t)
		t->lost = t->by == BY_BACKEND;
	datagram_trace_over(f, t);
}
