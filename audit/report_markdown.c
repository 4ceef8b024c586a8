/* report_markdown.c - the report as Markdown, for a merge request or the summary of a CI job.
 *
 * Verdict, what to mend, and the matrix of outages and probes. GitHub takes 1 MiB of a step's
 * summary, but readers take less: it stays below 60 kB, and names what it leaves out. */
#include <stdlib.h>
#include <string.h>

#include "audit/report.h"
#include "audit/report_words.h"
#include "base/memory.h"
#include "base/text.h"

enum {
	TEXT_MAX = 400,                 /* characters of one text */
	MEND_MAX = 16 * 1024,           /* bytes of the list of what to mend */
	MATRIX_MAX = 50 * 1024,         /* bytes up to the end of all matrices */
	PROBES_MAX = 24,                /* columns of a matrix */
};

/* Everything that Markdown or HTML could take for its own is written as an entity. */
static void markdown(FILE *to, const char *text)
{
	unsigned left = TEXT_MAX;

	for (size_t n; *text; text += n ? n : 1) {
		n = utf8_length(text);
		if (left-- == 0) {
			fputs("...", to);
			return;
		}
		if (n <= 1 && ((unsigned char)*text < 0x20 || *text == 0x7f || !n))
			putc(strchr("\t\n\r", *text) ? ' ' : '?', to);
		else if (n == 1 && strchr("\\`*_{}[]()<>#+!|&~$:@/", *text))
			fprintf(to, "&#%d;", *text);
		else
			fwrite(text, 1, n, to);
	}
}

static void head_write(const json_t *report, FILE *to)
{
	const json_t *counts = json_object_get(report, "counts");
	const json_t *ended = json_object_get(report, "ended");
	unsigned mark = report_mark(report, "verdict");
	char figure[FIGURE_MAX];
	size_t i;
	const json_t *note;

	fprintf(to, "## %s vaurien audit: %s\n\n", report_marks[mark].sign,
	        report_marks[mark].word);
	fprintf(to, "%lld pass, %lld degraded, %lld inconclusive, %lld fail",
	        report_count(counts, "pass"), report_count(counts, "degraded"),
	        report_count(counts, "inconclusive"), report_count(counts, "fail"));
	if (report_count(counts, "known"))
		fprintf(to, " (%lld known)", report_count(counts, "known"));
	fprintf(to, " in %s\n\n", report_seconds(report_number(report, "took"), figure));
	if (*report_text(ended, "text")) {
		fputs("Ended early: ", to);
		markdown(to, report_text(ended, "text"));
		fputs("\n\n", to);
	}
	json_array_foreach(json_object_get(report, "notes"), i, note) {
		if (ftell(to) > MEND_MAX / 2)
			break;
		fputs("> ", to);
		markdown(to, report_text(note, "text"));
		fputs("\n\n", to);
	}
}

static void mend_write(const json_t *report, FILE *to)
{
	json_t *list = report_to_mend(report);
	bool many = report_many_proxies(report);
	size_t i;
	const json_t *each;

	if (json_array_size(list))
		fputs("### What to mend, worst first\n\n", to);
	json_array_foreach(list, i, each) {
		const char *remedy = report_text(each, "remedy");
		char *places = report_places(json_object_get(each, "where"), many);

		if (ftell(to) > MEND_MAX) {
			fprintf(to, "%zu. and %zu more: see the whole report\n", i + 1,
			        json_array_size(list) - i);
			free(places);
			break;
		}
		fprintf(to, "%zu. %s **", i + 1, report_marks[report_mark(each, "severity")].sign);
		markdown(to, report_text(each, "ids"));
		fputs("** ", to);
		markdown(to, places);
		fputs(": ", to);
		markdown(to, report_text(each, "text"));
		if (*remedy) {
			fputs(". *", to);
			markdown(to, remedy);
			putc('*', to);
		}
		fputs(report_true(each, "known") ? " (known)\n" : "\n", to);
		free(places);
	}
	putc('\n', to);
	json_decref(list);
}

static void cell_write(FILE *to, const json_t *cell)
{
	unsigned mark = report_mark(cell, "verdict");

	if (!json_is_object(cell)) {
		fputs(" – |", to);
		return;
	}
	fprintf(to, " %s %s%s%s%s |", report_marks[mark].sign, mark == MARK_FAIL ? "**" : "",
	        report_marks[mark].word, mark == MARK_FAIL ? "**" : "",
	        report_true(cell, "known") ? " (known)" : "");
}

static void row_write(const json_t *report, const json_t *experiment, FILE *to)
{
	const char *why_not = report_why_not(experiment);
	size_t i;
	const json_t *probe;

	fputs("| ", to);
	markdown(to, report_text(experiment, "outage"));
	fputs(" | ", to);
	markdown(to, *why_not ? why_not : report_text(experiment, "question"));
	fputs(" |", to);
	json_array_foreach(json_object_get(report, "probes"), i, probe)
		if (i < PROBES_MAX)
			cell_write(to, report_named(json_object_get(experiment, "probes"),
			                            report_text(probe, "name")));
	cell_write(to, json_object_get(experiment, "connections"));
	putc('\n', to);
}

static void matrix_write(const json_t *report, const char *proxy, FILE *to)
{
	const json_t *probes = json_object_get(report, "probes"), *each;
	size_t i, n = json_array_size(probes), left = 0;

	fputs("### Faults on ", to);
	markdown(to, proxy);
	fputs("\n\n| fault | |", to);
	json_array_foreach(probes, i, each)
		if (i < PROBES_MAX) {
			putc(' ', to);
			markdown(to, report_text(each, "name"));
			fputs(" |", to);
		}
	fputs(" connections |\n|---|---|", to);
	for (i = 0; i < (n < PROBES_MAX ? n : PROBES_MAX); i++)
		fputs("---|", to);
	fputs("---|\n", to);
	json_array_foreach(json_object_get(report, "experiments"), i, each) {
		if (strcmp(report_text(each, "proxy"), proxy))
			continue;
		if (ftell(to) > MATRIX_MAX)
			left++;
		else
			row_write(report, each, to);
	}
	if (left || n > PROBES_MAX)
		fprintf(to, "\n%zu faults and %zu probes more: see the whole report\n", left,
		        n > PROBES_MAX ? n - PROBES_MAX : 0);
	putc('\n', to);
}

/* Written to memory first: its length decides what is left out. */
static void markdown_write(const json_t *report, FILE *to)
{
	json_t *proxies = report_struck_proxies(report);
	size_t i, size;
	const json_t *proxy;
	char *text;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		memory_out();
	head_write(report, memory);
	mend_write(report, memory);
	json_array_foreach(proxies, i, proxy)
		if (ftell(memory) < MATRIX_MAX)
			matrix_write(report, json_string_value(proxy), memory);
	fclose(memory);
	fwrite(xalloced(text), 1, size, to);
	free(text);
	json_decref(proxies);
}

REPORT_FORMAT(markdown, .file = "audit.md", .help = "write the report as Markdown to this file",
	.write = markdown_write)
