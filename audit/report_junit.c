/* report_junit.c - the report as JUnit XML, for CI: a suite per experiment, a case per probe.
 *
 * CI systems know a case by its names and drop doubles, so names hold no figures. A case has at
 * most one <failure>, <error> or <skipped>. Its reason is in the attribute and in the body, since
 * some systems show only one of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/report.h"
#include "audit/report_words.h"
#include "base/memory.h"
#include "base/text.h"

enum outcome { PASSED, FAILED, ERRED, SKIPPED, OUTCOMES };

static const char *const elements[OUTCOMES] = { NULL, "failure", "error", "skipped" };

struct test_case {
	const char *name;
	enum outcome outcome;
	char *type;                     /* the worst finding's id */
	char *message;                  /* one sentence; "": nothing to report */
	double seconds;                 /* NAN: not run */
};

struct suite {
	struct test_case *cases;
	size_t n;
	unsigned of[OUTCOMES];
};

/* ---- XML ---- */

/* XML 1.0 has no control characters but three, and neither U+FFFE nor U+FFFF. */
static bool is_xml(const char *text, size_t n)
{
	unsigned char first = (unsigned char)*text;

	if (!n || (n == 1 && first < 0x20 && !strchr("\t\n\r", first)) || first == 0x7f)
		return false;
	return !(n == 3 && !memcmp(text, "\xef\xbf", 2) && (unsigned char)text[2] >= 0xbe);
}

static void xml(FILE *to, const char *text)
{
	for (size_t n; *text; text += n ? n : 1) {
		n = utf8_length(text);
		if (!is_xml(text, n))
			fputs("\xef\xbf\xbd", to);
		else if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else if (*text == '&')
			fputs("&amp;", to);
		else if (*text == '"')
			fputs("&quot;", to);
		else if (n == 1 && (unsigned char)*text < 0x20)
			fprintf(to, "&#%d;", *text);
		else
			fwrite(text, 1, n, to);
	}
}

static void attribute(FILE *to, const char *name, const char *value)
{
	fprintf(to, " %s=\"", name);
	xml(to, value);
	putc('"', to);
}

/* A part of a class name: a dot would begin another package. */
static void class_part(FILE *to, const char *text)
{
	char *part = xalloced(strdup(text));

	for (char *p = part; *p; p++)
		if (strchr(". /\t\n", *p))
			*p = '_';
	xml(to, part);
	free(part);
}

/* ---- the cases of an experiment ---- */

/* Sentences of findings, then their remedies: "requests have no time-out: set one". */
static void finding_words(FILE *to, const json_t *findings, const char *between)
{
	size_t i;
	const json_t *each;

	json_array_foreach(findings, i, each) {
		const char *remedy = report_text(each, "remedy");

		fprintf(to, "%s%s: %s%s%s", between, report_text(each, "id"),
		        report_text(each, "text"), *remedy ? "; " : "", remedy);
		between = "; ";
	}
}

static char *worst_id(const json_t *findings, const char *otherwise)
{
	const char *id = report_text(json_array_get(findings, 0), "id");

	return xstrdup(*id ? id : otherwise);
}

static enum outcome outcome_of(const json_t *report, const json_t *experiment, const json_t *cell)
{
	unsigned mark = report_mark(cell, "verdict");

	if (!strcmp(report_text(experiment, "state"), "left_out") || report_true(cell, "known"))
		return SKIPPED;
	return report_fails(report, cell) ? FAILED : mark == MARK_INCONCLUSIVE ? ERRED : PASSED;
}

/* `cell`: a probe's or the connections' part of the experiment, or the experiment itself, for a
 * case that was not run. `words`: the sentence of its figures; owned. */
static void case_add(struct suite *suite, const json_t *report, const json_t *experiment,
                     const json_t *cell, const char *name, char *words)
{
	const json_t *findings = json_object_get(cell, "findings");
	double seconds = report_number(experiment, "end") - report_number(experiment, "begun");
	struct test_case each = { name, outcome_of(report, experiment, cell),
		worst_id(findings, report_text(cell, "verdict")), NULL, seconds };
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		memory_out();
	if (report_true(cell, "known"))
		fputs("known from the earlier report; ", to);
	fputs(words, to);
	finding_words(to, findings, *words ? "; " : "");
	fclose(to);
	each.message = xalloced(text);
	free(words);
	if (suite->n % 16 == 0)
		suite->cases = xrealloc(suite->cases, (suite->n + 16) * sizeof *suite->cases);
	suite->cases[suite->n++] = each;
	suite->of[each.outcome]++;
}

/* The experiment as a whole: what it expected, and what is wrong with none of its probes. */
static void whole_add(struct suite *suite, const json_t *report, const json_t *experiment)
{
	json_t *own = json_pack("{ss sO}", "verdict", "pass", "findings",
	                        json_object_get(experiment, "findings"));
	bool expects = false;
	unsigned worst = MARK_PASS;
	size_t i;
	const json_t *each;

	if (!own)
		return;
	json_array_foreach(json_object_get(experiment, "findings"), i, each) {
		unsigned mark = report_mark(each, "severity");
		worst = mark > worst ? mark : worst;
	}
	json_array_foreach(json_object_get(experiment, "phases"), i, each)
		expects |= json_array_size(json_object_get(each, "expectations")) > 0;
	json_object_set_new(own, "verdict", json_string(report_marks[worst].word));
	if (report_true(experiment, "known"))
		json_object_set_new(own, "known", json_true());
	if (expects || worst > MARK_PASS)
		case_add(suite, report, experiment, own, "outage", xstrdup(""));
	json_decref(own);
}

static void suite_fill(struct suite *suite, const json_t *report, const json_t *experiment)
{
	const json_t *connections = json_object_get(experiment, "connections");
	bool run = !*report_why_not(experiment);
	size_t i;
	const json_t *probe;

	*suite = (struct suite){ 0 };
	json_array_foreach(json_object_get(report, "probes"), i, probe) {
		const char *name = report_text(probe, "name");
		const json_t *cell = report_named(json_object_get(experiment, "probes"), name);

		if (run && cell)
			case_add(suite, report, experiment, cell, name,
			         report_cell(report, experiment, cell));
		else
			case_add(suite, report, experiment, experiment, name, xstrdup(""));
	}
	if (run && json_is_object(connections))
		case_add(suite, report, experiment, connections, "connections",
		         report_connections(experiment));
	else
		case_add(suite, report, experiment, experiment, "connections", xstrdup(""));
	if (run)
		whole_add(suite, report, experiment);
}

static void suite_free(struct suite *suite)
{
	for (size_t i = 0; i < suite->n; i++) {
		free(suite->cases[i].type);
		free(suite->cases[i].message);
	}
	free(suite->cases);
}

/* ---- writing ---- */

static void case_write(FILE *to, const struct test_case *c, const char *proxy, const char *outage)
{
	fputs("\t\t<testcase classname=\"vaurien.", to);
	class_part(to, proxy);
	putc('.', to);
	class_part(to, outage);
	putc('"', to);
	attribute(to, "name", c->name);
	fprintf(to, " time=\"%.3f\"", isnan(c->seconds) ? 0 : c->seconds);
	if (!*c->message && c->outcome == PASSED) {
		fputs("/>\n", to);
		return;
	}
	fputs(">\n\t\t\t", to);
	if (c->outcome == PASSED) {
		fputs("<system-out>", to);
		xml(to, c->message);
		fputs("</system-out>", to);
	} else {
		fprintf(to, "<%s", elements[c->outcome]);
		if (c->outcome != SKIPPED)
			attribute(to, "type", c->type);
		attribute(to, "message", c->message);
		putc('>', to);
		xml(to, c->message);
		fprintf(to, "</%s>", elements[c->outcome]);
	}
	fputs("\n\t\t</testcase>\n", to);
}

/* The experiment's beginning, as local time without a zone would be: UTC. */
static void timestamp(const json_t *report, double begun, char stamp[32])
{
	struct tm tm = { 0 };
	time_t when = 0;

	if (strptime(report_text(report, "started"), "%Y-%m-%dT%H:%M:%S", &tm))
		when = timegm(&tm);
	if (begun >= 0 && begun < 1e9)
		when += (time_t)begun;
	gmtime_r(&when, &tm);
	strftime(stamp, 32, "%Y-%m-%dT%H:%M:%S", &tm);
}

static void suite_head(FILE *to, const json_t *report, const char *name, const struct suite *suite,
                       double begun, double end)
{
	char stamp[32];

	timestamp(report, begun, stamp);
	fputs("\t<testsuite", to);
	attribute(to, "name", name);
	fprintf(to, " tests=\"%zu\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\""
	        " timestamp=\"%s\">\n", suite->n, suite->of[FAILED], suite->of[ERRED],
	        suite->of[SKIPPED], isnan(end - begun) ? 0 : end - begun, stamp);
}

static void suite_write(FILE *to, const json_t *report, const json_t *experiment,
                        const struct suite *suite)
{
	const char *proxy = report_text(experiment, "proxy");
	const char *outage = report_text(experiment, "outage");
	char *name = xasprintf("%s/%s", proxy, outage);

	suite_head(to, report, name, suite, report_number(experiment, "begun"),
	           report_number(experiment, "end"));
	for (size_t i = 0; i < suite->n; i++)
		case_write(to, &suite->cases[i], proxy, outage);
	fputs("\t</testsuite>\n", to);
	free(name);
}

/* A run that ended early has a case of its own, so that CI never sees an empty, green file. */
static bool run_case(const json_t *report, struct suite *suite)
{
	const json_t *ended = json_object_get(report, "ended");
	const char *how = report_text(ended, "how");

	*suite = (struct suite){ 0 };
	if (!strcmp(how, "complete") && json_array_size(json_object_get(report, "experiments")))
		return false;
	suite->cases = xcalloc(1, sizeof *suite->cases);
	suite->cases[suite->n++] = (struct test_case){ "run", ERRED, xstrdup(how),
		xstrdup(*report_text(ended, "text") ? report_text(ended, "text")
		                                    : "no fault was tried"), NAN };
	suite->of[ERRED] = 1;
	return true;
}

static void junit_write(const json_t *report, FILE *to)
{
	const json_t *experiments = json_object_get(report, "experiments"), *each;
	size_t i, n = json_array_size(experiments), tests = 0;
	struct suite *suites = xcalloc(n + 1, sizeof *suites);
	bool early = run_case(report, &suites[n]);
	unsigned of[OUTCOMES] = { 0 };

	json_array_foreach(experiments, i, each)
		suite_fill(&suites[i], report, each);
	for (i = 0; i <= n; i++) {
		tests += suites[i].n;
		for (unsigned o = 0; o < OUTCOMES; o++)
			of[o] += suites[i].of[o];
	}
	double took = report_number(report, "took");
	/* No `skipped` here: the schema of Jenkins' xUnit plugin rejects the file for it. */
	fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vaurien audit\""
	        " tests=\"%zu\" failures=\"%u\" errors=\"%u\" time=\"%.3f\">\n",
	        tests, of[FAILED], of[ERRED], isnan(took) ? 0 : took);
	json_array_foreach(experiments, i, each)
		suite_write(to, report, each, &suites[i]);
	if (early) {
		suite_head(to, report, "run", &suites[n], 0, took);
		case_write(to, suites[n].cases, "run", "run");
		fputs("\t</testsuite>\n", to);
	}
	fputs("</testsuites>\n", to);
	for (i = 0; i <= n; i++)
		suite_free(&suites[i]);
	free(suites);
}

REPORT_FORMAT(junit, .file = "audit.xml", .help = "write the report as JUnit XML to this file",
	.write = junit_write)
