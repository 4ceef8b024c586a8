/* finish.c - the end of a run: its report, its files, its exit code. */
#include "audit/finish.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/options_page.h"
#include "audit/outfile.h"
#include "base/memory.h"
#include "vaurien.h"

/* ---- files ---- */

/* Where a format goes: its option's file, or a file in --report's directory; "": nowhere. */
static const char *file_of(const struct run *run, const struct report_format *f, size_t number,
                           char path[PATH_MAX])
{
	const struct option_values *v = option_values(run->options);

	path[0] = 0;
	if (number < FORMATS_MAX && v->files[number])
		snprintf(path, PATH_MAX, "%s", v->files[number]);
	else if (v->report)
		snprintf(path, PATH_MAX, "%s/%s", v->report, f->file);
	return path;
}

/* The directory of a file is there, and the file can be written. */
static bool writable(struct run *run, const char *file)
{
	if (outfile_possible(file))
		return true;
	run_end(run, "usage", "cannot write '%.150s': %s", file, strerror(errno));
	return false;
}

/* Make a directory and those above it. False: errno. */
static bool directory_make(const char *name)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s", name) >= sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		if (mkdir(path, 0777) && errno != EEXIST)
			return false;
	}
	return !mkdir(path, 0777) || errno == EEXIST;
}

bool finish_possible(struct run *run)
{
	const struct option_values *v = option_values(run->options);
	char path[PATH_MAX];
	size_t number = 0;

	if (v->report && !directory_make(v->report)) {
		run_end(run, "usage", "--report: cannot make the directory '%.150s': %s", v->report,
		        strerror(errno));
		return false;
	}
	for (const struct report_format *f = report_formats(); f; f = f->next, number++)
		if (*file_of(run, f, number, path) && !writable(run, path))
			return false;
	return true;
}

static bool files_write(struct run *run, const json_t *report, char shown[PATH_MAX])
{
	char path[PATH_MAX], error[ERROR_MAX];
	size_t number = 0;
	bool good = true;

	shown[0] = 0;
	for (const struct report_format *f = report_formats(); f; f = f->next, number++) {
		if (!*file_of(run, f, number, path))
			continue;
		if (!report_save(f, report, path, error)) {
			option_error("%s", error);
			good = false;
		} else if (!*shown || !strcmp(f->name, "html")) {
			snprintf(shown, PATH_MAX, "%s", path);
		}
	}
	return good;
}

/* ---- the report ---- */

static json_t *report_make(struct run *run)
{
	char started[32], *command = NULL;
	time_t began = (time_t)poller_wall(0);
	struct tm tm;
	size_t size;
	FILE *to = run->options->command ? open_memstream(&command, &size) : NULL;

	for (char **word = run->options->command; to && *word; word++) {
		json_t *shown = options_text_shown(*word);
		fprintf(to, "%s%s", word == run->options->command ? "" : " ",
		        json_string_value(shown));
		json_decref(shown);
	}
	if (to)
		fclose(to);
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&began, &tm));
	struct run_facts facts = {
		.program = "vaurien " VAURIEN_VERSION, .started = started, .seed = run->seed,
		.took = poller_now(), .clock_uncertainty = run->clock_uncertainty,
		.fail_on = verdict_of(option_values(run->options)->fail_on),
		.how = run->how, .text = run->how ? run->why : NULL, .signal = run->signal,
		.notes = run->notes, .command = command, .exits = run->app_exits,
		.restarts = run->app_restarts, .options = run->options->shown,
		.command_line = run->options->command_line, .against = run->options->against,
		.against_file = option_values(run->options)->against,
	};
	json_t *report = judge_run(&run->record, &facts);
	free(command);
	return report;
}

/* Nothing was found out: one sentence, and no verdicts. */
static void show_failure(struct run *run)
{
	const char *text = run->app.text ? run->app.text : "";
	size_t n = strlen(text), from = n > 2000 ? n - 2000 : 0;

	report_screen_live(&run->screen, "");
	fflush(stdout);
	fprintf(stderr, "vaurien audit: %s\n", run->why);
	if (run->options->command && *text)
		fprintf(stderr, "COMMAND wrote last:\n%s%s", text + from,
		        text[n - 1] != '\n' ? "\n" : "");
}

int finish(struct run *run)
{
	char shown[PATH_MAX];

	if (run->how && !strcmp(run->how, "usage"))
		return option_error("%s", run->why);
	if (!run->how && option_values(run->options)->plan)
		return 0;
	if (!run->begun)
		show_failure(run);
	json_t *report = report_make(run);
	bool written = files_write(run, report, shown);
	if (run->begun) {
		report_screen_end(&run->screen, report, shown);
		report_github(report, stdout);
	}
	fflush(stdout);
	int code = (int)json_integer_value(json_object_get(report, "exit"));
	json_decref(report);
	return written || code == 130 || code == 143 || code == 129 ? code : 4;
}
