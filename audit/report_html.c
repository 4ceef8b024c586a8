/* report_html.c - the report as one HTML file: no network, no script, light and dark.
 *
 * Verdict and what to mend, the matrix of outages and probes, then a section per experiment with
 * its time line. Last is what was normal, how it was run, and the report itself as JSON. The file
 * stays below 2 MB: marks get wider, then data and time lines are left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit/report.h"
#include "audit/report_html_style.h"
#include "audit/report_html_text.h"
#include "audit/report_html_timeline.h"
#include "audit/report_words.h"
#include "base/memory.h"

enum {
	FILE_MAX = 1900 * 1000,         /* bytes of the file, about */
	LINES_MAX = 700 * 1000,         /* of all marks of time lines together, about */
	DRAWN_MAX = 1500 * 1000,        /* sections that begin beyond have no time line */
	ROWS_MAX = 400,                 /* rows of the list of what to mend */
	MARK_GAP = 4,                   /* pixels between two marks, at least */
};

/* Writes: before, the text, after. */
static void tagged(FILE *to, const char *before, const char *text, const char *after)
{
	fputs(before, to);
	html_text(to, text);
	fputs(after, to);
}

/* The same with a text that is freed. */
static void tagged_free(FILE *to, const char *before, char *text, const char *after)
{
	tagged(to, before, text, after);
	free(text);
}

/* Of a list of texts. */
static const char *element(const json_t *value)
{
	return json_string_value(value) ? json_string_value(value) : "";
}

/* ---- verdict and what to mend ---- */

/* "2026-01-05T10:00:00Z" for readers: 2026-01-05 10:00 UTC. */
static void started_write(FILE *to, const char *started)
{
	char *text = xalloced(strdup(started)), *t = strchr(text, 'T');

	if (t && strlen(t) > 6) {
		*t = ' ';
		t[6] = 0;
	}
	tagged_free(to, "<li>", text, t ? " UTC</li></ul></header>\n" : "</li></ul></header>\n");
}

static void head_write(const json_t *report, FILE *to)
{
	const json_t *counts = json_object_get(report, "counts"), *note;
	const struct report_mark *mark = &report_marks[report_mark(report, "verdict")];
	char figure[FIGURE_MAX];
	size_t i;

	fprintf(to, "<header><h1 class=\"%s\"><span aria-hidden=\"true\">%s</span> %c%s</h1><ul>\n"
	        "<li><b>%zu</b> faults</li>", mark->word, mark->sign, mark->word[0] - 32,
	        mark->word + 1, json_array_size(json_object_get(report, "experiments")));
	for (unsigned m = 0; m < MARKS; m++)
		fprintf(to, "<li><b>%lld</b> %s</li>",
		        report_count(counts, report_marks[m].word), report_marks[m].word);
	if (report_count(counts, "known"))
		fprintf(to, "<li>%lld of the failures known</li>", report_count(counts, "known"));
	fprintf(to, "<li>%s</li>", report_seconds(report_number(report, "took"), figure));
	started_write(to, report_text(report, "started"));

	const char *ended = report_text(json_object_get(report, "ended"), "text");
	const json_t *notes = json_object_get(report, "notes");
	if (!*ended && !json_array_size(notes))
		return;
	fputs("<div class=\"card note\">", to);
	if (*ended)
		tagged(to, "<p><b>The run ended early:</b> ", ended, "</p>");
	json_array_foreach(notes, i, note)
		tagged(to, "<p>", report_text(note, "text"), "</p>");
	fputs("</div>\n", to);
}

static void mend_row(FILE *to, const json_t *entry, bool many)
{
	const char *remedy = report_text(entry, "remedy");

	fprintf(to, "<li><b class=\"%s\">", report_marks[report_mark(entry, "severity")].word);
	html_text(to, report_text(entry, "ids"));
	fputs("</b> ", to);
	tagged_free(to, "<span class=\"dim\">",
	            report_places(json_object_get(entry, "where"), many), "</span>");
	if (report_true(entry, "known"))
		fputs(" (known)", to);
	tagged(to, "<p>", report_text(entry, "text"), "");
	if (*remedy)
		tagged(to, " <span class=\"remedy\">", remedy, "</span>");
	fputs("</p></li>\n", to);
}

static void mend_write(const json_t *report, FILE *to)
{
	json_t *list = report_to_mend(report);
	size_t i, n = json_array_size(list);
	const json_t *each;
	bool many = report_many_proxies(report);

	fputs("<section class=\"card\" id=\"mend\"><h2 style=\"margin-top:0\">What to mend, worst"
	      " first</h2>\n", to);
	if (!n)
		fputs("<p>Nothing was found.</p>", to);
	else
		fputs("<ol class=\"mend\">\n", to);
	json_array_foreach(list, i, each)
		if (i < ROWS_MAX)
			mend_row(to, each, many);
	if (n)
		fputs("</ol>", to);
	if (n > ROWS_MAX)
		fprintf(to, "<p>and %zu more</p>", n - ROWS_MAX);
	fputs("</section>\n", to);
	json_decref(list);
}

/* ---- the matrix ---- */

static void cell_write(FILE *to, const json_t *experiment, const json_t *cell)
{
	const struct report_mark *mark = &report_marks[report_mark(cell, "verdict")];

	if (json_is_object(cell))
		fprintf(to, "<td class=\"v\"><a class=\"%s%s\" href=\"#e%lld\">%s %s%s</a></td>",
		        mark->word, report_true(cell, "known") ? " known" : "",
		        report_count(experiment, "number"), mark->sign, mark->word,
		        report_true(cell, "known") ? ", known" : "");
	else
		fputs("<td class=\"v dim\">–</td>", to);
}

static void matrix_row(const json_t *report, const json_t *experiment, FILE *to)
{
	const json_t *probes = json_object_get(report, "probes"), *probe;
	const char *why_not = report_why_not(experiment);
	size_t i;

	tagged(to, "<tr><th scope=\"row\">", report_text(experiment, "outage"), "</th>");
	tagged(to, "<td class=\"q\">", report_text(experiment, "question"), "</td>");
	if (*why_not) {
		bool left_out = !strcmp(report_text(experiment, "state"), "left_out");

		fprintf(to, "<td class=\"inconclusive\" colspan=\"%zu\">%s",
		        json_array_size(probes) + 1, left_out ? "left out: " : "? not run: ");
		tagged(to, "", why_not, "</td></tr>\n");
		return;
	}
	json_array_foreach(probes, i, probe)
		cell_write(to, experiment, report_named(json_object_get(experiment, "probes"),
		                                        report_text(probe, "name")));
	cell_write(to, experiment, json_object_get(experiment, "connections"));
	fputs("</tr>\n", to);
}

static void matrix_write(const json_t *report, const char *proxy, FILE *to)
{
	size_t i;
	const json_t *each;

	tagged(to, "<div class=\"card scroll\"><table class=\"matrix\"><thead><tr><th>fault on ",
	       proxy, "</th><th></th>");
	json_array_foreach(json_object_get(report, "probes"), i, each) {
		tagged(to, "<th class=\"v\" scope=\"col\">", report_text(each, "name"), "");
		tagged_free(to, "<small>", report_asks(each), "</small></th>");
	}
	fputs("<th class=\"v\" scope=\"col\">connections</th></tr></thead><tbody>\n", to);
	json_array_foreach(json_object_get(report, "experiments"), i, each)
		if (!strcmp(report_text(each, "proxy"), proxy))
			matrix_row(report, each, to);
	fputs("</tbody></table></div>\n", to);
}

static void matrices_write(const json_t *report, FILE *to)
{
	static const char *const meanings[MARKS] = {
		"it works, or has nothing to mend", "it fails fast or is slow, and is back in time",
		"the audit cannot tell", "mend this",
	};
	json_t *proxies = report_struck_proxies(report);
	size_t i;
	const json_t *proxy;

	fputs("<section id=\"matrix\"><h2>Which pages survive what</h2>\n", to);
	json_array_foreach(proxies, i, proxy)
		matrix_write(report, json_string_value(proxy), to);
	if (!i)
		fputs("<p>No fault was tried.</p>", to);
	fputs("<ul class=\"key\">", to);
	for (unsigned m = 0; m < MARKS; m++)
		fprintf(to, "<li><b class=\"%s\">%s %s</b>: %s</li>", report_marks[m].word,
		        report_marks[m].sign, report_marks[m].word, meanings[m]);
	fputs("</ul></section>\n", to);
	json_decref(proxies);
}

/* ---- an experiment ---- */

static void phases_write(const json_t *experiment, FILE *to)
{
	char figure[FIGURE_MAX];
	size_t i, k;
	const json_t *phase, *rule, *expectation;

	fputs("<ul class=\"phases\">", to);
	json_array_foreach(json_object_get(experiment, "phases"), i, phase) {
		double lasted = report_number(phase, "ended") - report_number(phase, "begun");

		tagged(to, "<li><b>", report_text(phase, "name"), "</b>");
		if (!isnan(lasted))
			fprintf(to, " %s", report_seconds(lasted, figure));
		json_array_foreach(json_object_get(phase, "does"), k, rule)
			tagged(to, " <code>", element(rule), "</code>");
		json_array_foreach(json_object_get(phase, "rules"), k, rule)
			tagged(to, " <code>", element(rule), "</code>");
		json_array_foreach(json_object_get(phase, "expectations"), k, expectation) {
			const json_t *held = json_object_get(expectation, "held");

			fprintf(to, "<br><span class=\"%s\">%s</span> expected ",
			        json_is_true(held) ? "pass" : json_is_false(held) ? "fail"
			                                                         : "inconclusive",
			        json_is_true(held) ? "✓" : json_is_false(held) ? "✕" : "?");
			tagged(to, "<code>", report_text(expectation, "text"), "</code> ");
			html_text(to, report_text(expectation, "why"));
		}
		fputs("</li>", to);
	}
	fputs("</ul>\n", to);
}

static void findings_write(const json_t *findings, FILE *to)
{
	size_t i;
	const json_t *each;

	json_array_foreach(findings, i, each) {
		bool note = !strcmp(report_text(each, "severity"), "note");

		fprintf(to, "<p><b class=\"mono %s\">",
		        note ? "dim" : report_marks[report_mark(each, "severity")].word);
		tagged(to, "", report_text(each, "id"), "</b> ");
		html_figures(to, report_text(each, "text"));
		if (*report_text(each, "remedy"))
			tagged(to, "<br><span class=\"remedy\">", report_text(each, "remedy"),
			       "</span>");
		fputs("</p>", to);
	}
}

static void probe_row(const json_t *report, const json_t *experiment, const json_t *cell, FILE *to)
{
	const struct report_mark *mark = &report_marks[report_mark(cell, "verdict")];
	long long failures = report_count(cell, "failures_after");
	double recover = report_number(cell, "recover");
	char figure[FIGURE_MAX];

	tagged(to, "<tr><th scope=\"row\">", report_text(cell, "name"), "</th>");
	fprintf(to, "<td class=\"%s\">%s %s</td>", mark->word, mark->sign, mark->word);
	tagged_free(to, "<td>", report_during(report, cell), "</td>");
	fprintf(to, "<td>%s</td>", isnan(report_number(cell, "detect")) ? "–"
	        : report_seconds(report_number(cell, "detect"), figure));
	if (isnan(recover) && *report_text(cell, "tried"))
		tagged_free(to, "<td class=\"fail\">", report_recovery(experiment, cell), "</td>");
	else if (isnan(recover) || isnan(report_number(cell, "detect")))
		fputs("<td>–</td>", to);
	else
		fprintf(to, "<td>%s</td>", recover == 0 ? "at once"
		                                        : report_seconds(recover, figure));
	fprintf(to, "<td>%lld", failures);
	if (report_count(cell, "without_asking"))
		fprintf(to, ", %lld without asking", report_count(cell, "without_asking"));
	fputs("</td><td class=\"why\">", to);
	findings_write(json_object_get(cell, "findings"), to);
	fputs("</td></tr>\n", to);
}

static void connections_row(const json_t *experiment, FILE *to)
{
	const json_t *connections = json_object_get(experiment, "connections");
	const struct report_mark *mark = &report_marks[report_mark(connections, "verdict")];

	if (!json_is_object(connections))
		return;
	fprintf(to, "<tr><th scope=\"row\">connections</th><td class=\"%s\">%s %s</td>",
	        mark->word, mark->sign, mark->word);
	bool alone = !json_array_size(json_object_get(connections, "findings"));
	fprintf(to, "<td class=\"wide\" colspan=\"%d\">", alone ? 5 : 4);
	tagged_free(to, "", report_connections(experiment), alone ? "" : "</td><td class=\"why\">");
	findings_write(json_object_get(connections, "findings"), to);
	fputs("</td></tr>\n", to);
}

static void load_write(const json_t *experiment, FILE *to)
{
	size_t i;
	const json_t *each;

	json_array_foreach(json_object_get(experiment, "load"), i, each) {
		double exchanges = report_number(each, "exchanges");
		double connections = report_number(each, "connections");

		tagged(to, "<p class=\"dim\">meanwhile on <b>", report_text(each, "proxy"),
		       "</b>:");
		if (!isnan(exchanges))
			fprintf(to, " %.2g times the requests", exchanges);
		if (!isnan(connections))
			fprintf(to, "%s %.2g times the connections", isnan(exchanges) ? "" : ",",
			        connections);
		fputs("</p>", to);
	}
}

static void experiment_write(const json_t *report, const json_t *experiment, bool many, double gap,
                             FILE *to)
{
	char figure[FIGURE_MAX];
	double lasted = report_number(experiment, "t_off") - report_number(experiment, "t_on");
	size_t i;
	const json_t *cell;

	fprintf(to, "<section class=\"x\" id=\"e%lld\"><h2>", report_count(experiment, "number"));
	if (many)
		tagged(to, "", report_text(experiment, "proxy"), " / ");
	tagged(to, "", report_text(experiment, "outage"), "");
	tagged(to, "<small>", report_text(experiment, "question"),
	       "</small><a href=\"#matrix\">↑ all faults</a></h2>\n<div class=\"card\">");
	tagged_free(to, "<p>", report_summary(experiment), "");
	if (!isnan(lasted))
		fprintf(to, ", %s", report_seconds(lasted, figure));
	fprintf(to, ", struck %lld", report_count(experiment, "struck"));
	if (report_count(experiment, "unreachable"))
		fprintf(to, ", could not strike %lld", report_count(experiment, "unreachable"));
	fprintf(to, "%s</p>\n", report_true(experiment, "needed_restart")
	                                ? ". <b>The application had to be restarted.</b>" : "");
	phases_write(experiment, to);
	findings_write(json_object_get(experiment, "findings"), to);
	fputs("<div class=\"scroll\">", to);
	if (ftell(to) < DRAWN_MAX)
		html_timeline(to, report, experiment, gap);
	else
		fputs("<p>The time line is left out, since the file would be too long.</p>", to);
	fputs("</div><div class=\"scroll\"><table class=\"cells\"><thead><tr><th>probe</th>"
	      "<th>verdict</th><th>in the fault</th><th>noticed</th><th>recovered</th>"
	      "<th>failures after</th>"
	      "<th>why</th></tr></thead><tbody>\n", to);
	json_array_foreach(json_object_get(experiment, "probes"), i, cell)
		probe_row(report, experiment, cell, to);
	connections_row(experiment, to);
	fputs("</tbody></table></div>\n", to);
	load_write(experiment, to);
	fputs("</div></section>\n", to);
}

/* What the marks of the time lines mean. */
static void legend_write(FILE *to)
{
	static const struct { const char *class, *path, *words; } marks[] = {
		{ "ok", "M7 14v-8", "ok" }, { "slow", "M7 14v-11m-2 0h4", "slow" },
		{ "error", "M7 14v-6m-3 -5l6 6m-6 0l6 -6", "error" },
		{ "timeout", "M5 14v-12h4v12z", "no answer in time" },
		{ "down", "M3.5 6h7l-3.5 8z", "down: refused, reset, closed" },
		{ "skipped", "M7 11h.1", "not asked: 16 were waiting" },
	};

	fputs("<ul class=\"key\" id=\"legend\"><li>A mark is a sample: higher is longer, full"
	      " height is the probe&#39;s time-out</li>", to);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		fprintf(to, "<li><svg viewBox=\"0 0 14 15\" aria-hidden=\"true\">"
		        "<path class=\"s %s\" d=\"%s\"/></svg>%s</li>", marks[i].class,
		        marks[i].path, marks[i].words);
	fputs("<li>Ticks below the connections: some were opened</li></ul>\n", to);
}

static void experiments_write(const json_t *report, FILE *to)
{
	const json_t *experiments = json_object_get(report, "experiments"), *each;
	bool many = report_many_proxies(report);
	size_t i, lanes = 0, left = 0;

	json_array_foreach(experiments, i, each)
		lanes += json_array_size(json_object_get(each, "probes")) + 3;
	double gap = (double)TIMELINE_WIDTH * TIMELINE_MARK_BYTES * (double)lanes / LINES_MAX;
	fputs("<h2>What happened</h2>\n", to);
	legend_write(to);
	json_array_foreach(experiments, i, each) {
		if (*report_why_not(each))
			continue;
		if (ftell(to) < FILE_MAX)
			experiment_write(report, each, many, fmax(gap, MARK_GAP), to);
		else
			left++;
	}
	if (left)
		fprintf(to, "<p>%zu faults are left out, since the file would be too long: see the"
		        " JSON report.</p>", left);
}

/* ---- normal, options, data ---- */

static void normal_write(const json_t *report, FILE *to)
{
	char a[FIGURE_MAX], b[FIGURE_MAX], c[FIGURE_MAX], d[FIGURE_MAX];
	size_t i;
	const json_t *each;

	fputs("<section id=\"normal\"><h2>What is normal</h2><div class=\"card scroll\"><table>"
	      "<thead><tr><th>probe</th><th>asks</th><th>needs</th><th>ok</th><th>median</th>"
	      "<th>slow after</th><th>time-out</th><th>every</th></tr></thead><tbody>\n", to);
	json_array_foreach(json_object_get(report, "probes"), i, each) {
		tagged(to, "<tr><th scope=\"row\">", report_text(each, "name"), "</th>");
		tagged(to, "<td><code>", report_text(each, "what"), "</code></td>");
		tagged_free(to, "<td>", report_asks(each), "</td>");
		fprintf(to, "<td>%lld of %lld</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>"
		        "</tr>\n", report_count(each, "ok"), report_count(each, "samples"),
		        report_seconds(report_number(each, "median"), a),
		        report_span(report_number(each, "within"), b),
		        report_span(report_number(each, "timeout"), c),
		        report_span(report_number(each, "every"), d));
	}
	fputs("</tbody></table></div><div class=\"card scroll\"><table><thead><tr><th>proxy</th>"
	      "<th>protocol</th><th>from</th><th>to</th><th>connections</th><th>requests/s</th>"
	      "<th></th></tr></thead><tbody>\n", to);
	json_array_foreach(json_object_get(report, "proxies"), i, each) {
		const json_t *range = json_object_get(each, "connections");

		tagged(to, "<tr><th scope=\"row\">", report_text(each, "name"), "</th>");
		tagged(to, "<td>", report_text(each, "protocol"), "</td>");
		tagged(to, "<td>", report_text(each, "listen"), "</td>");
		tagged(to, "<td>", report_text(each, "backend"), "</td>");
		fprintf(to, "<td>%d to %d</td><td>%.1f</td><td>%s</td></tr>\n",
		        (int)json_integer_value(json_array_get(range, 0)),
		        (int)json_integer_value(json_array_get(range, 1)),
		        fmax(0, report_number(each, "exchanges_per_second")),
		        report_true(each, "injected") ? "" : "only watched");
	}
	fputs("</tbody></table></div></section>\n", to);
}

static void options_write(const json_t *report, FILE *to)
{
	const json_t *application = json_object_get(report, "application");
	const char *name;
	json_t *value;
	size_t i;
	const json_t *word;

	fputs("<section id=\"options\"><h2>How it was run</h2><div class=\"card\">"
	      "<pre id=\"command\">", to);
	json_array_foreach(json_object_get(report, "command_line"), i, word)
		tagged(to, i ? " " : "", element(word), "");
	fputs("</pre>", to);
	if (*report_text(application, "command"))
		tagged(to, "<p>Application: <code>", report_text(application, "command"),
		       "</code></p>");
	fprintf(to, "<p>Application ended by itself %lld times, and was restarted %lld times."
	        " Events missed: %lld.</p>", report_count(application, "exits"),
	        report_count(application, "restarts"), report_count(report, "events_lost"));
	char *seed = json_dumps(json_object_get(report, "seed"), JSON_ENCODE_ANY);
	tagged(to, "<p>Seed: <code>", seed ? seed : "", "</code>. ");
	tagged(to, "", report_text(report, "program"), ".</p>");
	free(seed);
	fputs("<details><summary>Options</summary><table>", to);
	json_object_foreach((json_t *)json_object_get(report, "options"), name, value) {
		char *flat = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
		                               JSON_REAL_PRECISION(6));
		tagged(to, "<tr><th scope=\"row\">", name, "</th>");
		tagged_free(to, "<td><code>", flat ? flat : xstrdup(""), "</code></td></tr>\n");
	}
	fputs("</table></details></div></section>\n", to);
}

/* The report without its long lists, which are for time lines. */
static json_t *shortened(const json_t *report)
{
	json_t *copy = json_deep_copy(report), *experiment, *cell;
	size_t i, k;

	json_array_foreach(json_object_get(copy, "experiments"), i, experiment) {
		json_object_del(experiment, "series");
		json_array_foreach(json_object_get(experiment, "probes"), k, cell)
			if (json_is_object(cell))
				json_object_set_new(cell, "samples", json_array());
	}
	return copy;
}

/* A script element must hold no "<", or it could end too early; JSON has another word for it. */
static bool data_write(const json_t *report, FILE *to)
{
	char *text = json_dumps(report, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
	bool fits = text && ftell(to) < FILE_MAX && strlen(text) < (size_t)(FILE_MAX - ftell(to));

	if (fits) {
		fputs("<script type=\"application/json\" id=\"report\">", to);
		for (const char *p = text; *p; p++)
			if (*p == '<')
				fputs("\\u003c", to);
			else
				putc(*p, to);
		fputs("</script>\n", to);
	}
	free(text);
	return fits;
}

static void document_write(const json_t *report, FILE *to)
{
	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
	      " style-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<link rel=\"icon\" href=\"data:,\">", to);
	tagged(to, "<title>Audit: ", report_marks[report_mark(report, "verdict")].word,
	       "</title>\n<style>");
	fputs(report_html_style, to);
	fputs("</style></head>\n<body><div class=\"page\">\n", to);
	head_write(report, to);
	mend_write(report, to);
	matrices_write(report, to);
	experiments_write(report, to);
	normal_write(report, to);
	options_write(report, to);
	if (!data_write(report, to)) {
		json_t *copy = shortened(report);

		if (data_write(copy, to))
			fputs("<p class=\"dim\">The data in this file is without samples: the JSON"
			      " report has them.</p>\n", to);
		json_decref(copy);
	}
	fputs("</div></body></html>\n", to);
}

/* Written to memory first, since its length decides what is left out, and `to` may be a pipe. */
static void html_write(const json_t *report, FILE *to)
{
	char *text;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		memory_out();
	document_write(report, memory);
	fclose(memory);
	fwrite(xalloced(text), 1, size, to);
	free(text);
}

REPORT_FORMAT(html, .file = "audit.html", .help = "write the report as one HTML file",
	.write = html_write)
