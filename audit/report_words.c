/* report_words.c - values of a report, and the sentences that are made of them. */
#include "audit/report_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const struct report_mark report_marks[MARKS] = {
	[MARK_PASS] = { "pass", "✓", "pass" },
	[MARK_DEGRADED] = { "degraded", "△", "degraded" },
	[MARK_INCONCLUSIVE] = { "inconclusive", "?", "inconclusive" },
	[MARK_FAIL] = { "fail", "✕", "FAIL" },
};

/* ---- values ---- */

const char *report_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

double report_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

long long report_count(const json_t *object, const char *key)
{
	double n = report_number(object, key);

	return n >= 0 && n < 1e15 ? (long long)n : 0;
}

bool report_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const json_t *report_named(const json_t *array, const char *name)
{
	size_t i;
	const json_t *each;

	json_array_foreach(array, i, each)
		if (!strcmp(report_text(each, "name"), name))
			return each;
	return NULL;
}

unsigned report_mark(const json_t *object, const char *key)
{
	const char *word = report_text(object, key);

	for (unsigned m = 0; m < MARKS; m++)
		if (!strcmp(word, report_marks[m].word))
			return m;
	return strcmp(word, "note") ? MARK_INCONCLUSIVE : MARK_PASS;
}

bool report_fails(const json_t *report, const json_t *cell)
{
	unsigned mark = report_mark(cell, "verdict");

	if (report_true(cell, "known"))
		return false;
	return mark == MARK_FAIL ||
	       (mark == MARK_DEGRADED && !strcmp(report_text(report, "fail_on"), "degraded"));
}

char *report_ids(const json_t *findings)
{
	char *text;
	size_t size, i, n = 0;
	const json_t *each;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		memory_out();
	json_array_foreach(findings, i, each)
		if (strcmp(report_text(each, "severity"), "note"))
			fprintf(to, "%s%s", n++ ? ", " : "", report_text(each, "id"));
	fclose(to);
	return xalloced(text);
}

/* ---- figures ---- */

const char *report_seconds(double seconds, char figure[FIGURE_MAX])
{
	if (isnan(seconds))
		snprintf(figure, FIGURE_MAX, "-");
	else if (seconds < 0.0995)
		snprintf(figure, FIGURE_MAX, "%.0f ms", seconds * 1000);
	else if (seconds < 119.95)
		snprintf(figure, FIGURE_MAX, "%.1f s", seconds);
	else if (seconds < 1e9)
		snprintf(figure, FIGURE_MAX, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
	else
		snprintf(figure, FIGURE_MAX, "%.1e s", seconds);
	return figure;
}

const char *report_span(double seconds, char figure[FIGURE_MAX])
{
	if (isnan(seconds))
		snprintf(figure, FIGURE_MAX, "-");
	else
		snprintf(figure, FIGURE_MAX, "%.6g s", seconds);
	return figure;
}

const char *report_some(long long n, const char *noun, char figure[FIGURE_MAX])
{
	snprintf(figure, FIGURE_MAX, "%lld %.16s%s", n, noun, n == 1 ? "" : "s");
	return figure;
}

/* ---- the sentences ---- */

/* A sentence is written to memory; finish() returns it. */
struct sentence {
	FILE *to;
	char *text;
	size_t size;
	const char *between;            /* "": nothing is written yet */
};

static void sentence_start(struct sentence *s)
{
	s->between = "";
	s->to = open_memstream(&s->text, &s->size);
	if (!s->to)
		memory_out();
}

static char *sentence_finish(struct sentence *s)
{
	fclose(s->to);
	return xalloced(s->text);
}

static FILE *sentence_part(struct sentence *s, const char *between)
{
	fputs(s->between, s->to);
	s->between = between;
	return s->to;
}

/* The outcome that says most of a fault: the worst that came. -1: no sample. */
static int worst_outcome(const json_t *during)
{
	static const char *const worst[] = { "timeout", "down", "error", "slow", "ok" };

	for (int i = 0; i < (int)(sizeof worst / sizeof *worst); i++)
		if (report_count(during, worst[i]))
			return i;
	return -1;
}

/* The wrong answer that came most often. */
static const char *usual_answer(const json_t *cell)
{
	const char *usual = "", *answer;
	json_t *n;
	json_int_t most = 0;

	json_object_foreach((json_t *)json_object_get(cell, "answers"), answer, n)
		if (json_integer_value(n) > most) {
			most = json_integer_value(n);
			usual = answer;
		}
	return usual;
}

static long long asked(const json_t *outcomes)
{
	return report_count(outcomes, "ok") + report_count(outcomes, "slow") +
	       report_count(outcomes, "error") + report_count(outcomes, "timeout") +
	       report_count(outcomes, "down");
}

char *report_during(const json_t *report, const json_t *cell)
{
	const json_t *during = json_object_get(cell, "during");
	const json_t *probe = report_named(json_object_get(report, "probes"),
	                                   report_text(cell, "name"));
	double median = report_number(cell, "answer_median");
	char took[FIGURE_MAX], span[FIGURE_MAX];
	const char *usual = usual_answer(cell);
	struct sentence s;

	sentence_start(&s);
	report_seconds(median, took);
	switch (worst_outcome(during)) {
	case 0:
		fprintf(s.to, "no answer in %s",
		        report_span(report_number(probe, "timeout"), span));
		break;
	case 1:
		fprintf(s.to, "%s", *usual && strspn(usual, "0123456789") < strlen(usual)
		                            ? usual : "does not serve");
		break;
	case 2:
		fprintf(s.to, "error%s%s%s%s", *usual ? " " : "", usual,
		        isnan(median) ? "" : " in ", isnan(median) ? "" : took);
		break;
	case 3:
		fprintf(s.to, "slow%s%s (%lld of %lld)", isnan(median) ? "" : ", ",
		        isnan(median) ? "" : took, report_count(during, "slow"), asked(during));
		break;
	case 4:
		fprintf(s.to, "%lld of %lld ok", report_count(during, "ok"), asked(during));
		break;
	default:
		fputs("no sample in the fault", s.to);
	}
	return sentence_finish(&s);
}

/* How long recovery was watched. */
static double watched(const json_t *experiment)
{
	const char *from = strcmp(report_text(experiment, "cure"), "reconnect") ? "t_off" : "t_on";

	return report_number(experiment, "end") - report_number(experiment, from);
}

static const char *tried_words(const json_t *cell)
{
	static const char *const words[][2] = {
		{ "connected", ", connected again" },
		{ "asked", ", asked on old connections" },
		{ "nothing", ", nothing tried" },
	};
	const char *tried = report_text(cell, "tried");

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(tried, words[i][0]))
			return words[i][1];
	return "";
}

char *report_recovery(const json_t *experiment, const json_t *cell)
{
	double recover = report_number(cell, "recover");
	long long failures = report_count(cell, "failures_after");
	char figure[FIGURE_MAX], some[FIGURE_MAX];
	struct sentence s;

	sentence_start(&s);
	if (isnan(report_number(experiment, "t_off")) ||
	    worst_outcome(json_object_get(cell, "during")) < 0)
		;
	else if (isnan(recover) && *report_text(cell, "tried"))
		fprintf(s.to, "not back after %s%s",
		        report_span(round(watched(experiment)), figure), tried_words(cell));
	else if (recover > 0 || failures)
		fprintf(s.to, "back after %s%s%s%s", report_seconds(recover, figure),
		        failures ? ", " : "",
		        failures ? report_some(failures, "failure", some) : "",
		        failures ? " more" : "");
	else if (!isnan(recover) && !isnan(report_number(cell, "detect")))
		fputs("back at once", s.to);
	return sentence_finish(&s);
}

char *report_cell(const json_t *report, const json_t *experiment, const json_t *cell)
{
	char *during = report_during(report, cell), *recovery = report_recovery(experiment, cell);
	double detect = report_number(cell, "detect");
	int worst = worst_outcome(json_object_get(cell, "during"));
	char figure[FIGURE_MAX];
	struct sentence s;

	sentence_start(&s);
	fputs(worst == 4 ? "works" : during, s.to);
	if (!isnan(detect) && worst < 4)
		fprintf(s.to, ", noticed after %s", report_seconds(detect, figure));
	if (*recovery)
		fprintf(s.to, "; %s", recovery);
	free(during);
	free(recovery);
	return sentence_finish(&s);
}

static void timeout_words(struct sentence *s, const json_t *t, const char *what, const char *noun)
{
	long long given_up = report_count(t, "given_up"), waited = report_count(t, "waited");
	double least = report_number(t, "least"), most = report_number(t, "most");
	char a[FIGURE_MAX], b[FIGURE_MAX], some[FIGURE_MAX];

	if (!json_is_object(t) || !waited)
		return;
	fputs(what, sentence_part(s, "; "));
	if (!given_up)
		fprintf(s->to, ": none in %s (%s waited)",
		        report_seconds(report_number(t, "watched"), a),
		        report_some(waited, noun, some));
	else if (most - least < 0.15)
		fprintf(s->to, ": %s (%s)", report_seconds(report_number(t, "median"), a),
		        report_some(given_up, noun, some));
	else
		fprintf(s->to, ": %s to %s (%s)", report_seconds(least, a), report_seconds(most, b),
		        report_some(given_up, noun, some));
	if (given_up && given_up < waited)
		fprintf(s->to, ", %lld waited on", waited - given_up);
}

char *report_timeouts(const json_t *experiment)
{
	const json_t *timeouts = json_object_get(experiment, "timeouts");
	struct sentence s;

	sentence_start(&s);
	timeout_words(&s, json_object_get(timeouts, "request"), "time-out in force", "request");
	timeout_words(&s, json_object_get(timeouts, "connect"), "time-out of connecting",
	              "attempt");
	return sentence_finish(&s);
}

static void retry_words(struct sentence *s, const json_t *retries)
{
	double median = report_number(retries, "median");
	long long most = report_count(retries, "most");
	double gap = report_number(retries, "gap");
	char figure[FIGURE_MAX];

	if (!report_count(retries, "samples"))
		return;
	if (!most) {
		fputs("no retries", sentence_part(s, "; "));
		return;
	}
	fprintf(sentence_part(s, "; "), "%.3g %s a request, at most %lld, %s", median,
	        median == 1 ? "retry" : "retries", most, report_text(retries, "spacing"));
	if (!isnan(gap))
		fprintf(s->to, " (%s)", report_seconds(gap, figure));
}

char *report_connections(const json_t *experiment)
{
	static const struct { const char *key, *words; } counts[] = {
		{ "stuck", "stuck" }, { "poisoned", "poisoned" }, { "suspects", "left over" },
		{ "unnoticed", "closes unnoticed" },
	};
	const json_t *c = json_object_get(experiment, "connections");
	char *timeouts = report_timeouts(experiment);
	struct sentence s;

	sentence_start(&s);
	if (json_is_object(c))
		fprintf(sentence_part(&s, "; "), "%lld before, %lld after",
		        report_count(c, "before"), report_count(c, "after"));
	if (report_count(c, "silent"))
		fprintf(sentence_part(&s, "; "), "%lld silent, %lld replaced",
		        report_count(c, "silent"), report_count(c, "replaced"));
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (report_count(c, counts[i].key))
			fprintf(sentence_part(&s, "; "), "%lld %s", report_count(c, counts[i].key),
			        counts[i].words);
	if (report_count(c, "peak"))
		fprintf(sentence_part(&s, "; "), "at most %lld opened in a second",
		        report_count(c, "peak"));
	if (*timeouts)
		fputs(timeouts, sentence_part(&s, "; "));
	retry_words(&s, json_object_get(experiment, "retries"));
	if (report_count(experiment, "executed_twice"))
		fprintf(sentence_part(&s, "; "), "%lld done twice",
		        report_count(experiment, "executed_twice"));
	free(timeouts);
	return sentence_finish(&s);
}

/* "1 read, 2 writes" for {"reads": 1, "writes": 2, "commits": 1}: what else there is matters only
 * where there is neither. */
static void kind_words(FILE *to, const json_t *kinds)
{
	bool main = report_number(kinds, "reads") > 0 || report_number(kinds, "writes") > 0;
	const char *kind, *between = ": ";
	json_t *n;

	json_object_foreach((json_t *)kinds, kind, n) {
		double some = round(json_number_value(n) * 10) / 10;
		size_t length = strlen(kind);

		if (some <= 0 || (main && strcmp(kind, "reads") && strcmp(kind, "writes")))
			continue;
		fprintf(to, "%s%.3g %.*s", between, some,
		        (int)(some == 1 && length && kind[length - 1] == 's' ? length - 1 : length),
		        kind);
		between = ", ";
	}
}

char *report_asks(const json_t *probe)
{
	const json_t *asks = json_object_get(probe, "asks");
	const char *proxy;
	json_t *kinds;
	struct sentence s;

	sentence_start(&s);
	json_object_foreach((json_t *)asks, proxy, kinds) {
		fprintf(sentence_part(&s, "; "), "%s%s%s", *s.between ? "" : "asks ", proxy,
		        json_is_null(kinds) ? "?" : "");
		kind_words(s.to, kinds);
	}
	if (!*s.between)
		fputs("asks nothing", s.to);
	return sentence_finish(&s);
}

char *report_summary(const json_t *experiment)
{
	const char *summary = report_text(experiment, "summary");
	size_t i;
	const json_t *phase;
	struct sentence s;

	sentence_start(&s);
	if (*summary) {
		fputs(summary, s.to);
		return sentence_finish(&s);
	}
	fputs(report_text(experiment, "proxy"), s.to);
	s.between = ": ";
	json_array_foreach(json_object_get(experiment, "phases"), i, phase)
		if (report_true(phase, "fault"))
			fputs(report_text(phase, "name"), sentence_part(&s, ", "));
	return sentence_finish(&s);
}

const char *report_why_not(const json_t *experiment)
{
	const char *state = report_text(experiment, "state");
	const json_t *first = json_array_get(json_object_get(experiment, "findings"), 0);

	if (strcmp(state, "not_run") && strcmp(state, "left_out"))
		return "";
	return *report_text(first, "text") ? report_text(first, "text") : state;
}
