/* report_github.c - in a job of GitHub Actions: the step's summary, and annotations of the worst.
 *
 * GitHub shows ten errors and ten warnings of a step, and drops the others without a word. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "audit/report.h"
#include "audit/report_words.h"
#include "base/memory.h"

enum { SHOWN = 10 };

/* The format of workflow commands: %, line ends, and in properties : and , are escaped. */
static void command_text(FILE *to, const char *text, bool property)
{
	for (; *text; text++)
		if (*text == '%' || *text == '\r' || *text == '\n' ||
		    (property && (*text == ':' || *text == ',')))
			fprintf(to, "%%%02X", *text);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			putc('?', to);
		else
			putc(*text, to);
}

/* The experiment whose place this is, or is within: "db/hang/stock" is within "db/hang". `name` is
 * what follows: "stock", or "". NULL: none. */
static const json_t *experiment_at(const json_t *report, const char *place, const char **name)
{
	size_t i;
	const json_t *each;

	json_array_foreach(json_object_get(report, "experiments"), i, each) {
		const char *parts[] = { report_text(each, "proxy"), report_text(each, "outage") };
		size_t proxy = strlen(parts[0]), outage = strlen(parts[1]);

		if (strncmp(place, parts[0], proxy) || place[proxy] != '/' ||
		    strncmp(place + proxy + 1, parts[1], outage))
			continue;
		*name = place + proxy + 1 + outage;
		if (!**name)
			return each;
		if (*(*name)++ == '/')
			return each;
	}
	return NULL;
}

/* What happened there: the finding's own sentence, then the figures. */
static void place_write(const json_t *report, const json_t *finding, const char *place, FILE *to)
{
	const char *name = "", *text = report_text(finding, "text");
	const json_t *experiment = experiment_at(report, place, &name), *each;
	const json_t *cell = report_named(json_object_get(experiment, "probes"), name);
	bool connections = !cell && !strcmp(name, "connections");
	char *words = cell        ? report_cell(report, experiment, cell)
	            : connections ? report_connections(experiment)
	                          : xstrdup("");
	size_t i;

	if (connections)
		cell = json_object_get(experiment, "connections");
	json_array_foreach(json_object_get(cell ? cell : experiment, "findings"), i, each)
		if (!strcmp(report_text(each, "id"), report_text(finding, "id")))
			text = report_text(each, "text");
	command_text(to, report_text(finding, "id"), false);
	fputs(": ", to);
	command_text(to, text, false);
	if (*words) {
		fputs(" (", to);
		command_text(to, words, false);
		putc(')', to);
	}
	if (*report_text(finding, "remedy")) {
		fputs("; ", to);
		command_text(to, report_text(finding, "remedy"), false);
	}
	free(words);
}

/* Places of this severity, worst first. `seen`: those that were annotated with a worse one, which
 * are left out, and these. Returns how many there are. */
static unsigned annotate(const json_t *report, json_t *seen, unsigned mark, const char *command,
                         FILE *to)
{
	size_t i, k, before = json_object_size(seen);
	const json_t *finding, *where;

	json_array_foreach(json_object_get(report, "findings"), i, finding) {
		if (report_mark(finding, "severity") != mark || report_true(finding, "known") ||
		    !strcmp(report_text(finding, "severity"), "note"))
			continue;
		json_array_foreach(json_object_get(finding, "where"), k, where) {
			const char *place = json_string_value(where);

			if (!place || json_object_get(seen, place))
				continue;
			json_object_set_new(seen, place, json_true());
			if (json_object_size(seen) > before + SHOWN)
				continue;
			fprintf(to, "::%s title=", command);
			command_text(to, place, true);
			fputs("::", to);
			place_write(report, finding, place, to);
			putc('\n', to);
		}
	}
	return (unsigned)(json_object_size(seen) - before);
}

static void summary_append(const json_t *report, const char *file)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	              0666);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "a");

	if (!to) {
		fprintf(stderr, "GITHUB_STEP_SUMMARY: %s cannot be written: %s\n", file,
		        strerror(errno));
		return;
	}
	report_format_find("markdown")->write(report, to);
	fclose(to);
}

void report_github(const json_t *report, FILE *to)
{
	const char *actions = getenv("GITHUB_ACTIONS"), *summary = getenv("GITHUB_STEP_SUMMARY");

	if (!actions || strcmp(actions, "true"))
		return;
	json_t *seen = json_object();
	unsigned failed = annotate(report, seen, MARK_FAIL, "error", to);
	unsigned degraded = annotate(report, seen, MARK_DEGRADED, "warning", to);
	json_decref(seen);
	fprintf(to, "::notice title=vaurien audit::places that fail: %u, degraded: %u%s\n", failed,
	        degraded, failed > SHOWN || degraded > SHOWN
	        ? "; the 10 worst of each are annotated" : "");
	fflush(to);
	if (summary && *summary)
		summary_append(report, summary);
}
