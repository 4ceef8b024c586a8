/* report_words.h - what all formats share: values of a report, and sentences made of them.
 *
 * Texts that are returned as char * belong to the caller. They are not escaped. */
#ifndef AUDIT_REPORT_WORDS_H
#define AUDIT_REPORT_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* ---- values; of another type or missing: "", NAN, 0, false ---- */

const char *report_text(const json_t *, const char *key);
double report_number(const json_t *, const char *key);
long long report_count(const json_t *, const char *key);
bool report_true(const json_t *, const char *key);

/* The element of an array of objects that has this name. NULL: none. */
const json_t *report_named(const json_t *array, const char *name);

/* ---- words for verdicts and outcomes ---- */

struct report_mark { const char *word, *sign, *loud; };        /* "fail", "✕", "FAIL" */

enum { MARK_PASS, MARK_DEGRADED, MARK_INCONCLUSIVE, MARK_FAIL, MARKS };

extern const struct report_mark report_marks[MARKS];

/* Of the property `verdict` (or `severity`, whose notes are a pass). Unknown: inconclusive. */
unsigned report_mark(const json_t *, const char *key);

/* Is this verdict a failure for the exit code and for CI (--fail-on, --against)? */
bool report_fails(const json_t *report, const json_t *cell);

/* Numbers of this array of findings, notes left out: ids as "hangs, not_recovered"; "": none. */
char *report_ids(const json_t *findings);

/* ---- figures ---- */

enum { FIGURE_MAX = 32 };

/* Measured: "11 ms", "0.4 s", "20.0 s", "6 min 11 s". NAN is "-". */
const char *report_seconds(double seconds, char figure[FIGURE_MAX]);
/* As an option has it: "5 s", "0.5 s". */
const char *report_span(double seconds, char figure[FIGURE_MAX]);
/* "1 failure", "2 failures": `noun` gets an s. */
const char *report_some(long long n, const char *noun, char figure[FIGURE_MAX]);

/* ---- sentences, without a full stop ---- */

/* "error 500 in 11 ms", "no answer in 5 s", "all 11 ok". */
char *report_during(const json_t *report, const json_t *cell);
/* "back after 1.7 s, 3 failures more"; "": there is nothing to recover from. */
char *report_recovery(const json_t *experiment, const json_t *cell);
/* Both: "works", "error 500 in 11 ms, noticed after 0.4 s; back at once". */
char *report_cell(const json_t *report, const json_t *experiment, const json_t *cell);
/* "5 before, 5 after; 5 closes unnoticed; at most 2 opened in a second". */
char *report_connections(const json_t *experiment);
/* "time-out in force: 3.0 s (7 requests)"; "": none had to wait. */
char *report_timeouts(const json_t *experiment);
/* "asks db: 1 read", "asks nothing". */
char *report_asks(const json_t *probe);
/* "db shuts down, refuses, starts". */
char *report_summary(const json_t *experiment);
/* Why the experiment has no result or no whole one: its first finding's text. "": it has one. */
const char *report_why_not(const json_t *experiment);

/* ---- places of a finding, as "db/hang/stock" ---- */

/* "stock, order: hang, half_open"; with `proxies`: "stock, order: db/hang, db/half_open". */
char *report_places(const json_t *where, bool proxies);

/* Do experiments strike more than one proxy, so that an outage's name is not enough? */
bool report_many_proxies(const json_t *report);

/* What to mend: summaries with the same remedy together, worst first, notes left out. An array of
 * {"ids": "hangs, not_recovered", "severity", "where": [...], "text", "remedy", "known"}. */
json_t *report_to_mend(const json_t *report);

/* The proxies that the plan strikes, in its order: an array of names. */
json_t *report_struck_proxies(const json_t *report);

#endif
