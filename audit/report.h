/* report.h - the formats of an audit's report, and the lines on the terminal while it runs.
 *
 * A report is one jansson value, "vaurien-audit/1"; docs/audit-report.schema.json has its shape.
 * Writers only read it. A property that is missing, null or of another type is shown as unknown,
 * so they can write a report of a run that ended early. They escape every text for their format. */
#ifndef AUDIT_REPORT_H
#define AUDIT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* A format is a file: report_NAME.c announces itself with REPORT_FORMAT. Its name is the option
 * (--NAME FILE) and the table's key; its file is what --report DIR gets. */
struct report_format {
	const char *name;               /* json */
	const char *file;               /* audit.json */
	const char *help;               /* of the option, without a full stop */
	void (*write)(const json_t *report, FILE *to);
	const struct report_format *next;       /* by name */
};

const struct report_format *report_formats(void);
const struct report_format *report_format_find(const char *name);       /* NULL: none */

void report_announce(struct report_format *);

#define REPORT_FORMAT(id, ...) \
	static struct report_format format_##id = { .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void format_##id##_announce(void) \
	{ report_announce(&format_##id); }

/* Writes a file. False, with a sentence in `error` (ERROR_MAX bytes): it could not be written. */
bool report_save(const struct report_format *, const json_t *report, const char *file, char *error);

/* The auditor's standard output, 100 columns. */
struct report_screen {
	FILE *to;
	bool colours;                   /* a terminal, and no NO_COLOR */
	bool live;                      /* a terminal that a line can be rewritten on */
	bool written;                   /* the live line is there now */
};

void report_screen_open(struct report_screen *, FILE *to);

/* In this order. `normal` needs the report with its proxies, probes and notes, `experiment` the
 * same and one value of "experiments"; `live` is one line that the next one replaces. */
void report_screen_normal(struct report_screen *, const json_t *report);
void report_screen_plan(struct report_screen *, unsigned experiments, double seconds,
                        const char *seed);
void report_screen_live(struct report_screen *, const char *text);
void report_screen_experiment(struct report_screen *, const json_t *report,
                              const json_t *experiment, unsigned experiments);
void report_screen_end(struct report_screen *, const json_t *report, const char *file);

/* In a job of GitHub Actions (GITHUB_ACTIONS=true): the report as Markdown to the file
 * GITHUB_STEP_SUMMARY, and annotations of the worst to `to`. Nothing elsewhere. */
void report_github(const json_t *report, FILE *to);

#endif
