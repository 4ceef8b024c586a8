/* measure.h - the figures of one experiment, from the record of its run.
 *
 * measure_begin() collects what the other functions read; measure_end() frees it. The record must
 * not change in between. Times are those of record.h. */
#ifndef AUDIT_MEASURE_H
#define AUDIT_MEASURE_H

#include "audit/record.h"

struct window { double from, to; };     /* from <= t < to */

struct requests { const struct seen_exchange **at; size_t n; };         /* by `asked` */
struct samples { const struct sample **at; size_t n; };                 /* by `begun` */

struct measure {
	const struct record *record;
	const struct experiment *experiment;
	const struct seen_proxy *proxy;
	bool *hit;                      /* of each proxy: the experiment's rules were in it */
	struct requests requests;       /* of the proxy, from 2 s before t_on on; no logins */
	struct requests baseline;       /* the same of the baseline */
	struct samples samples;         /* of all probes, from 2 s before t_on to the end */
	struct samples baseline_samples;
	struct window fault;            /* from t_on (or a strike just before the API confirmed
	                                 * that) to t_off, or to where it broke off */
	double strike;                  /* the first hit; < 0: none */
	double healed;                  /* recovery counts from here; < 0: it never began */
	double end;                     /* the aftermath is over; ill connections are still there */
	unsigned least, most;           /* connections open in the baseline */
	double rate;                    /* exchanges per second in the baseline */
};

void measure_begin(struct measure *, const struct record *, const struct experiment *);
void measure_end(struct measure *);

/* ---- probes: measure_probe.c ---- */

enum tried { TRIED_NOTHING, TRIED_ASKED, TRIED_CONNECTED };

struct probe_figures {
	bool asks;                      /* its answer needs what was struck, or that is unknown */
	unsigned during[OUTCOMES], after[OUTCOMES];     /* samples begun in the fault, after it */
	double detect, recover;         /* seconds; < 0: never */
	unsigned failures_after, without_asking;
	enum tried tried;               /* while it had not recovered */
	enum outcome worst;             /* in the fault */
	double answer_median;           /* of these, seconds; < 0: all were ok */
};

void measure_probe(const struct measure *, unsigned probe, struct probe_figures *);

/* ---- connections: measure_connections.c ---- */

struct connection_figures {
	unsigned before, after, opened, peak;   /* peak: opened in one second */
	unsigned unnoticed, stuck, poisoned, silent, replaced, suspects;
	unsigned normal;                /* most open in the baseline and while it settled */
	char poisoned_error[12];        /* a code that a poisoned one answers with; "": unknown */
	bool storm;
};

void measure_connections(const struct measure *, struct connection_figures *);

/* Calls `each` for each suspect of a leak: connections left over by this experiment. */
void measure_suspects(const struct measure *, void (*each)(void *, const struct seen_connection *),
                      void *user);

/* ---- requests: measure_retries.c, measure_timeouts.c, measure_twice.c, measure_load.c ---- */

enum spacing { SPACING_NONE, SPACING_IMMEDIATE, SPACING_FIXED, SPACING_GROWING, SPACING_JITTERED,
               SPACINGS };
extern const char *const spacing_names[SPACINGS];

struct retry_figures {
	double median, gap;             /* gap: median seconds from a failure on; < 0: none */
	unsigned most, samples;         /* samples with a failed request */
	enum spacing spacing;
	double per_sample, per_second;  /* load as a multiple of the baseline's; < 0: unknown */
};

void measure_retries(const struct measure *, struct retry_figures *);

struct timeout_figures {
	unsigned waited, given_up;
	double watched;                 /* the longest wait that was seen, seconds */
	double least, median, most;     /* until giving up; < 0: none */
};

void measure_timeouts(const struct measure *, struct timeout_figures *connect,
                      struct timeout_figures *request);

unsigned measure_executed_twice(const struct measure *);

struct load_figures {                   /* of another proxy, in the fault */
	double exchanges, connections;  /* multiples of the baseline's; < 0: that had none */
	double rate;                    /* exchanges per second */
	bool stampede;
};

void measure_load(const struct measure *, unsigned proxy, struct load_figures *);

/* Exchanges of the proxy asked in the window, without logins: their number, and by kind if `kinds`
 * is not NULL. */
size_t count_requests(const struct seen_proxy *, struct window, size_t kinds[KINDS]);

/* ---- helpers ---- */

bool connection_open(const struct seen_connection *, double time);
unsigned open_at(const struct seen_proxy *, double time);
/* The fewest and most that were open at once. */
void open_range(const struct seen_proxy *, struct window, unsigned *least, unsigned *most);


bool in_window(struct window, double time);
void sort_values(double *values, size_t n);
/* Sorts the values. < 0: there are none. */
double median_of(double *values, size_t n);
static inline double sample_end(const struct sample *s) { return s->begun + (double)s->took; }
/* Index of the first request asked at `time` or later. */
size_t requests_from(const struct requests *, double time);
static inline bool outcome_works(unsigned outcome) { return outcome <= OUTCOME_SLOW; }
static inline bool outcome_fails(unsigned outcome)
{
	return outcome > OUTCOME_SLOW && outcome != OUTCOME_SKIPPED;
}
/* The requests that were asked during a sample. */
struct requests requests_in(const struct requests *, const struct sample *);
/* An alone sample of the fault, by a probe that asks what was struck. */
bool sample_counts(const struct measure *, const struct sample *);
bool probe_asks(const struct measure *, unsigned probe);

#endif
