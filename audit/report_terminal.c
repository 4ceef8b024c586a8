/* report_terminal.c - the report for a person at the terminal, 100 columns: lines as experiments
 * end, and then what to mend.
 *
 * A row is a name, what happened, a verdict and the ids of its findings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "audit/report.h"
#include "audit/report_columns.h"
#include "audit/report_words.h"
#include "base/memory.h"
#include "base/text.h"

/* Where columns begin. Longer names of probes move the text to the right. */
enum { NAME = 6, NAME_LEAST = 11, NAME_MOST = 24, VERDICT = 72, IDS = 82, LABEL = 10 };

static const char *const colours[MARKS] = { "\033[32m", "\033[33m", "\033[36m", "\033[1;31m" };

#define BOLD "\033[1m"
#define DIM  "\033[2m"

void report_screen_open(struct report_screen *screen, FILE *to)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(fileno(to)) && !(term && !strcmp(term, "dumb"));

	*screen = (struct report_screen){ to, terminal && !(none && *none), terminal, false };
}

static const char *coloured(const struct report_screen *screen, const char *colour)
{
	return screen->colours ? colour : NULL;
}

static void live_clear(struct report_screen *screen)
{
	if (screen->written)
		fputs("\r\033[K", screen->to);
	screen->written = false;
}

/* A line that would wrap could not be rewritten. */
void report_screen_live(struct report_screen *screen, const char *text)
{
	struct winsize size;
	unsigned width = SCREEN_WIDTH;

	if (!screen->live)
		return;
	if (!ioctl(fileno(screen->to), TIOCGWINSZ, &size) && size.ws_col > 1 &&
	    size.ws_col - 1 < SCREEN_WIDTH)
		width = size.ws_col - 1;

	char *line = xalloced(strdup(text));
	unsigned n = 0;
	char *end = line;
	text_clean(line, strlen(line));
	for (; *end; end++)
		if (((unsigned char)*end & 0xc0) != 0x80 && n++ == width)
			break;
	fprintf(screen->to, "\r\033[K%s%.*s%s", screen->colours ? DIM : "", (int)(end - line),
	        line, screen->colours ? "\033[0m" : "");
	fflush(screen->to);
	free(line);
	screen->written = true;
}

/* ---- before the experiments ---- */

/* "normal    " before the first line of a block, blanks before the others. */
static void labelled(struct report_screen *screen, const char *label, const char *text)
{
	const struct column row[] = {
		{ 0, LABEL, label, coloured(screen, BOLD) },
		{ LABEL, SCREEN_WIDTH - LABEL, text },
	};

	columns_print(screen->to, row, 2);
}

static unsigned name_width(const json_t *report, unsigned least)
{
	static const char *const lists[] = { "probes", "proxies" };
	unsigned width = least;

	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
		size_t i;
		const json_t *each;

		json_array_foreach(json_object_get(report, lists[l]), i, each) {
			unsigned n = columns_width(report_text(each, "name"));
			width = n > width ? n : width;
		}
	}
	return width < NAME_MOST ? width : NAME_MOST;
}

static void normal_probe(struct report_screen *screen, const char *label, unsigned width,
                         const json_t *probe)
{
	char *asks = report_asks(probe), *figures, figure[FIGURE_MAX];

	figures = xasprintf("%lld of %lld ok  %7s   %s", report_count(probe, "ok"),
	                    report_count(probe, "samples"),
	                    report_seconds(report_number(probe, "median"), figure), asks);
	const struct column row[] = {
		{ 0, LABEL, label, coloured(screen, BOLD) },
		{ LABEL, width, report_text(probe, "name") },
		{ LABEL + width + 2, SCREEN_WIDTH - LABEL - width - 2, figures },
	};
	columns_print(screen->to, row, 3);
	free(asks);
	free(figures);
}

static void normal_proxy(struct report_screen *screen, const char *label, unsigned width,
                         const json_t *proxy)
{
	const json_t *range = json_object_get(proxy, "connections");
	long long least = json_integer_value(json_array_get(range, 0));
	long long most = json_integer_value(json_array_get(range, 1));
	char *figures, some[FIGURE_MAX], from[FIGURE_MAX] = "";

	if (least < most)
		snprintf(from, sizeof from, "%lld to ", least);
	figures = xasprintf("%s %s -> %s, %s%s, %.1f exchanges/s%s",
	                    report_text(proxy, "protocol"), report_text(proxy, "listen"),
	                    report_text(proxy, "backend"), from,
	                    report_some(most, "connection", some),
	                    fmax(0, report_number(proxy, "exchanges_per_second")),
	                    report_true(proxy, "injected") ? "" : ", only watched");
	const struct column row[] = {
		{ 0, LABEL, label, coloured(screen, BOLD) },
		{ LABEL, width, report_text(proxy, "name") },
		{ LABEL + width + 2, SCREEN_WIDTH - LABEL - width - 2, figures },
	};
	columns_print(screen->to, row, 3);
	free(figures);
}

void report_screen_normal(struct report_screen *screen, const json_t *report)
{
	unsigned width = name_width(report, 5);
	const char *label = "normal";
	size_t i;
	const json_t *each;

	live_clear(screen);
	json_array_foreach(json_object_get(report, "notes"), i, each)
		labelled(screen, i ? "" : "note", report_text(each, "text"));
	json_array_foreach(json_object_get(report, "probes"), i, each) {
		normal_probe(screen, label, width, each);
		label = "";
	}
	json_array_foreach(json_object_get(report, "proxies"), i, each) {
		normal_proxy(screen, label, width, each);
		label = "";
	}
	fflush(screen->to);
}

void report_screen_plan(struct report_screen *screen, unsigned experiments, double seconds,
                        const char *seed)
{
	char text[128], figure[FIGURE_MAX], some[FIGURE_MAX];

	live_clear(screen);
	if (seconds < 100)
		report_span(round(seconds), figure);
	else
		snprintf(figure, sizeof figure, "%.0f min", fmin(seconds, 1e6) / 60);
	snprintf(text, sizeof text, "%s, about %s, seed %.40s",
	         report_some(experiments, "fault", some), figure, seed);
	labelled(screen, "plan", text);
	fputc('\n', screen->to);
	fflush(screen->to);
}

/* ---- an experiment ---- */

struct verdict_row {
	const char *name, *text;
	unsigned mark;                  /* MARKS: no verdict */
	char *ids;                      /* owned */
};

static void row_print(const struct report_screen *screen, unsigned width,
                      const struct verdict_row *row)
{
	unsigned text_at = NAME + width + 2;
	bool verdict = row->mark < MARKS;
	const char *word = verdict ? report_marks[row->mark].loud : "";
	unsigned ids = row->mark == MARK_INCONCLUSIVE ? VERDICT + 14 : IDS;

	/* "inconclusive" is too long to have a long id beside it. */
	if (columns_width(row->ids) > SCREEN_WIDTH - ids && row->mark == MARK_INCONCLUSIVE)
		ids = IDS;
	bool below = ids == IDS && row->mark == MARK_INCONCLUSIVE;
	const struct column columns[] = {
		{ NAME, width, row->name },
		{ text_at, (verdict ? VERDICT - 2 : SCREEN_WIDTH) - text_at, row->text },
		{ VERDICT, 12, word, verdict ? coloured(screen, colours[row->mark]) : NULL },
		{ ids, SCREEN_WIDTH - ids, below ? "" : row->ids },
	};
	columns_print(screen->to, columns, 4);
	if (below) {
		const struct column rest = { IDS, SCREEN_WIDTH - IDS, row->ids };
		columns_print(screen->to, &rest, 1);
	}
	free(row->ids);
}

/* The ids of a cell's findings; those that an earlier report has, too, are marked. */
static char *ids_of(const json_t *cell)
{
	char *ids = report_ids(json_object_get(cell, "findings")), *known;

	if (!report_true(cell, "known"))
		return ids;
	known = xasprintf("%s%s(known)", ids, *ids ? " " : "");
	free(ids);
	return known;
}

static void cells_print(const struct report_screen *screen, const json_t *report,
                        const json_t *experiment, unsigned width)
{
	size_t i;
	const json_t *cell;

	json_array_foreach(json_object_get(experiment, "probes"), i, cell) {
		char *text = report_cell(report, experiment, cell);

		row_print(screen, width, &(struct verdict_row){
			report_text(cell, "name"), text, report_mark(cell, "verdict"),
			ids_of(cell) });
		free(text);
	}
}

static void connections_print(const struct report_screen *screen, const json_t *experiment,
                              unsigned width)
{
	const json_t *connections = json_object_get(experiment, "connections");
	unsigned mark = report_mark(connections, "verdict");
	char *text = report_connections(experiment);

	if (json_is_object(connections))
		row_print(screen, width, &(struct verdict_row){
			"connections", text, mark == MARK_PASS ? MARKS : mark,
			ids_of(connections) });
	free(text);
}

/* What is wrong with the experiment as a whole, each with its reason. */
static void findings_print(const struct report_screen *screen, const json_t *experiment,
                           unsigned width)
{
	const char *why_not = report_why_not(experiment);
	size_t i;
	const json_t *each;

	json_array_foreach(json_object_get(experiment, "findings"), i, each) {
		if (*why_not && !i)
			continue;
		bool note = !strcmp(report_text(each, "severity"), "note");
		row_print(screen, width, &(struct verdict_row){
			"", report_text(each, "text"),
			note ? MARKS : report_mark(each, "severity"),
			xstrdup(note ? "" : report_text(each, "id")) });
	}
}

static char *head_text(const json_t *experiment)
{
	const char *why_not = report_why_not(experiment), *state = report_text(experiment, "state");
	bool told = strcmp(why_not, state) != 0;

	if (!*why_not)
		return report_summary(experiment);
	return xasprintf("%s: %s%s%s", report_text(experiment, "proxy"),
	                 strcmp(state, "left_out") ? "not run" : "left out", told ? ", " : "",
	                 told ? why_not : "");
}

void report_screen_experiment(struct report_screen *screen, const json_t *report,
                              const json_t *experiment, unsigned experiments)
{
	unsigned width = name_width(report, NAME_LEAST), at = NAME + width + 2;
	char number[32], took[80] = "", *text = head_text(experiment), figure[FIGURE_MAX];
	double lasted = report_number(experiment, "t_off") - report_number(experiment, "t_on");

	bool left_out = !strcmp(report_text(experiment, "state"), "left_out");
	unsigned mark = report_mark(experiment, "verdict");
	const char *verdict = left_out ? "" : report_marks[mark].loud;

	if (!isnan(lasted))
		snprintf(took, sizeof took, "%7s, struck %lld", report_seconds(lasted, figure),
		         report_count(experiment, "struck"));
	snprintf(number, sizeof number, "%2lld/%u", report_count(experiment, "number"),
	         experiments);

	const char *outage = report_text(experiment, "outage");
	unsigned long_name = columns_width(outage) > width ? columns_width(outage) - width : 0;
	at += long_name < 20 ? long_name : 20;
	const struct column row[] = {
		{ 0, NAME - 1, number, coloured(screen, DIM) },
		{ NAME, at - NAME - 2, outage, coloured(screen, BOLD) },
		{ at, VERDICT - 4 - at, text },
		{ *took ? VERDICT - 3 : VERDICT, SCREEN_WIDTH - VERDICT, *took ? took : verdict,
		  *took ? NULL : coloured(screen, colours[mark]) },
	};
	live_clear(screen);
	columns_print(screen->to, row, 4);
	cells_print(screen, report, experiment, width);
	connections_print(screen, experiment, width);
	findings_print(screen, experiment, width);
	free(text);
	fflush(screen->to);
}

/* ---- the end ---- */

static unsigned widest(unsigned width, unsigned most, const char *text)
{
	unsigned n = columns_width(text);

	return n > most ? most : n > width ? n : width;
}

static void mend_print(const struct report_screen *screen, const json_t *entry, unsigned ids,
                       unsigned where, const char *places)
{
	char *text;
	const char *said = report_text(entry, "text"), *remedy = report_text(entry, "remedy");
	unsigned at = 2 + ids + 2 + where + 2;

	text = xasprintf("%s%s%s%s", said, *said && *remedy ? ": " : "", remedy,
	                 report_true(entry, "known") ? " (known)" : "");
	const struct column row[] = {
		{ 2, ids, report_text(entry, "ids"),
		  coloured(screen, colours[report_mark(entry, "severity")]) },
		{ 2 + ids + 2, where, places },
		{ at, SCREEN_WIDTH - at, text },
	};
	columns_print(screen->to, row, 3);
	free(text);
}

static void to_mend_print(const struct report_screen *screen, const json_t *report)
{
	json_t *list = report_to_mend(report);
	bool many = report_many_proxies(report);
	unsigned ids = 8, where = 8;
	size_t i;
	const json_t *each;

	if (json_array_size(list))
		fprintf(screen->to, "%sto mend, worst first%s\n", screen->colours ? BOLD : "",
		        screen->colours ? "\033[0m" : "");
	for (int pass = 0; pass < 2; pass++)
		json_array_foreach(list, i, each) {
			char *places = report_places(json_object_get(each, "where"), many);

			if (pass)
				mend_print(screen, each, ids, where, places);
			ids = widest(ids, 20, report_text(each, "ids"));
			where = widest(where, 30, places);
			free(places);
		}
	json_decref(list);
}

void report_screen_end(struct report_screen *screen, const json_t *report, const char *file)
{
	const json_t *counts = json_object_get(report, "counts");
	const json_t *ended = json_object_get(report, "ended");
	unsigned mark = report_mark(report, "verdict");
	char known[48] = "", line[160], place[256];

	live_clear(screen);
	fputc('\n', screen->to);
	to_mend_print(screen, report);
	if (*report_text(ended, "text"))
		labelled(screen, "ended", report_text(ended, "text"));
	if (report_count(counts, "known"))
		snprintf(known, sizeof known, " (%lld known)", report_count(counts, "known"));
	snprintf(line, sizeof line, "%lld pass  %lld degraded  %lld inconclusive  %lld fail%s",
	         report_count(counts, "pass"), report_count(counts, "degraded"),
	         report_count(counts, "inconclusive"), report_count(counts, "fail"), known);
	fprintf(screen->to, "%s%s%s   %s%s%s\n", screen->colours ? colours[mark] : "",
	        report_marks[mark].loud, screen->colours ? "\033[0m" : "", line,
	        file && *file ? "    " : "", file ? text_printable(file, place, sizeof place) : "");
	fflush(screen->to);
}

/* The whole report as a file, as the screen would show it without colours. */
static void text_write(const json_t *report, FILE *to)
{
	struct report_screen screen = { .to = to };
	const json_t *experiments = json_object_get(report, "experiments"), *each;
	size_t i;

	report_screen_normal(&screen, report);
	fputc('\n', to);
	json_array_foreach(experiments, i, each)
		report_screen_experiment(&screen, report, each,
		                         (unsigned)json_array_size(experiments));
	report_screen_end(&screen, report, NULL);
}

REPORT_FORMAT(text, .file = "audit.txt", .help = "write the report as text to this file",
	.write = text_write)
