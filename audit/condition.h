/* condition.h - conditions and assertions of scenarios: their grammar, and how they are judged.
 *
 * No input or output: the caller supplies the values of metrics and the time. Times are seconds
 * since the start of the run. */
#ifndef AUDIT_CONDITION_H
#define AUDIT_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/record.h"
#include "base/text.h"

enum { CONDITION_TERMS_MAX = 8, SCENARIO_NAME_MAX = 64 };

enum metric_kind {
	METRIC_CONNECTIONS,             /* open now */
	METRIC_CONNECTIONS_OPENED,      /* since `since` */
	METRIC_CONNECTIONS_RATE,        /* opened in the last second */
	METRIC_EXCHANGES,               /* since `since` */
	METRIC_EXCHANGES_RATE,          /* in the last second */
	METRIC_WAITING,                 /* requests without an answer now */
	METRIC_HITS,                    /* of the experiment's rules, since `since` */
	METRIC_RETRIES,                 /* most per request, since `since` */
	METRIC_GAVE_UP,                 /* since `since` */
	METRIC_CLOCK,                   /* seconds since the scenario began; phases.c has it */
	METRIC_PROBES,                  /* the worst outcome of all probes */
	METRIC_PROBE,                   /* its outcome */
	METRIC_PROBE_TIME,              /* seconds of its sample */
	METRIC_PROBE_ERRORS,            /* samples that are neither ok nor slow */
	METRIC_PROBE_SHARE_OK,          /* share of samples that are ok or slow, 0 to 1 */
	METRIC_KINDS
};

enum metric_type { METRIC_NUMBER, METRIC_DURATION, METRIC_OUTCOME };

/* What a term asks for. Of probes, only samples begun at `since` or later count; METRIC_PROBES,
 * METRIC_PROBE and METRIC_PROBE_TIME are of the sample that ended last among these. A metric
 * without value: a probe without such a sample (METRIC_PROBES: any probe without one). */
struct metric {
	enum metric_kind kind;
	char proxy[SCENARIO_NAME_MAX + 1];      /* "": the proxies of the phase */
	char probe[SCENARIO_NAME_MAX + 1];
};

enum metric_type metric_type(enum metric_kind);
bool metric_of_proxy(enum metric_kind);         /* it is a figure of a proxy */

/* The name as in a file: "db:exchanges.rate", "probe.front.time". Returns the buffer. */
const char *metric_show(const struct metric *, char *buffer, size_t size);

/* The value of a metric: a number, seconds or an enum outcome. False: it has no value now. */
typedef bool metric_get(void *user, const struct metric *, double since, double now, double *value);

enum compare { COMPARE_EQUAL, COMPARE_DIFFERENT, COMPARE_LESS, COMPARE_AT_MOST, COMPARE_MORE,
               COMPARE_AT_LEAST };

/* A time in a file: seconds, or the letters T and H, which stand for --fault-time, --hang-time. */
struct span {
	double seconds;                 /* with a letter: not used */
	char letter;                    /* 'T', 'H' or 0 */
};

struct span_times { double fault, hang; };      /* what T and H are */

bool span_read(struct span *, const char *text);        /* "300ms", "2s", "1m", "3", "T" */
double span_seconds(const struct span *, const struct span_times *);

struct term {
	struct metric metric;
	enum compare compare;
	double value;                   /* by the metric's type; of a duration: see `span` */
	struct span span;
	struct span lasts;              /* `for`: it has held for so long; 0: at this look */
};

struct condition { size_t n; struct term terms[CONDITION_TERMS_MAX]; };     /* all must hold */

enum assertion_mode { ASSERT_ALWAYS, ASSERT_EVER, ASSERT_FINALLY };

struct assertion {
	enum assertion_mode mode;
	struct term term;
	struct span within;
	bool has_within;
};

/* False: `error` has one sentence. The texts are those behind `when =`, `until =`, `expect =`. */
bool condition_read(struct condition *, const char *text, char error[ERROR_MAX]);
bool assertion_read(struct assertion *, const char *text, char error[ERROR_MAX]);

/* Is the name of a proxy or probe in it known? Called for each term. False: `error` has one
 * sentence with a suggestion. */
struct metric_names {
	size_t n_proxies; const char *const *proxies;
	size_t n_probes; const char *const *probes;
};
bool metric_check(const struct metric *, const struct metric_names *, char error[ERROR_MAX]);

/* ---- looks: at least every 100 ms, and after each sample ---- */

struct condition_state { double held[CONDITION_TERMS_MAX]; };   /* since when; < 0: it does not */

void condition_begin(struct condition_state *);

/* Does the condition hold now? */
bool condition_look(struct condition_state *, const struct condition *, const struct span_times *,
                    double since, double now, metric_get *, void *user);

enum assertion_verdict { ASSERT_OPEN, ASSERT_HOLDS, ASSERT_FAILS };

struct assertion_state {
	double held;                    /* the term has held since; < 0: it does not */
	bool known;                     /* it had a value at a look that counts */
	enum assertion_verdict verdict;
	double seen;                    /* the value at the look that decided; the last one seen */
	double decided;                 /* when */
};

void assertion_begin(struct assertion_state *);

/* One look; `last`: the phase ends now, so the verdict is no longer ASSERT_OPEN. */
enum assertion_verdict assertion_look(struct assertion_state *, const struct assertion *,
                                      const struct span_times *, double since, double now,
                                      bool last, metric_get *, void *user);

#endif
