/* options.c - the table of options, and their values. */
#include "audit/options.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define OPTION(name_, type_, ...) \
	{ .name = #name_, .type = type_, .offset = offsetof(struct option_values, name_), \
	  __VA_ARGS__ }
#define TIME(name_, default_, least, ...) \
	OPTION(name_, VN_OPT_TIME, .def = default_, .unit = VN_S, .min = least, __VA_ARGS__)

static const char *const fail_levels[] = { "fail", "degraded", NULL };

static const struct vn_opt rows[] = {
	OPTION(attach, VN_OPT_TEXT, .help = "the API of a running Vaurien; unix:/PATH too"),
	OPTION(token, VN_OPT_TEXT, .help = "its --http-token"),
	OPTION(yes_remote, VN_OPT_BOOL, .help = "--attach may lead to another machine"),
	OPTION(only, VN_OPT_TEXT, .help = "proxies to inject into; the others are watched"),
	OPTION(only_client, VN_OPT_TEXT, .help = "faults reach these clients only"),
	OPTION(probe, VN_OPT_TEXT, .help = "[NAME=]URL [word=value ...] or "
	  "[NAME=]sh: COMMAND; any number"),
	TIME(probe_every, "500ms", 0.01, .help = "its interval"),
	TIME(probe_timeout, "5s", 0.01, .help = "some answer must come in this time"),
	OPTION(faults, VN_OPT_TEXT, .def = "default", .help = "quick, default, all, or names; "
	       "-NAME leaves one out, PROXY/NAME is for one proxy"),
	OPTION(scenario, VN_OPT_TEXT, .help = "a file of scenarios, any number"),
	TIME(fault_time, "10s", 0.1, .help = "how long a fault lasts"),
	TIME(hang_time, "20s", 0.1, .help = "those that must outlast time-outs"),
	TIME(baseline, "10s", 0.1, .help = "how long normal is watched"),
	TIME(recover_within, "30s", 0, .help = "later fails"),
	TIME(give_up, "90s", 0.1, .help = "how long recovery is watched at most"),
	TIME(aftermath, "3s", 0, .help = "watched after that"),
	OPTION(env, VN_OPT_TEXT, .help = "NAME=TEXT for COMMAND; {db}, {db.host}, "
	  "{db.port} are an address"),
	OPTION(run, VN_OPT_BOOL, .help = "COMMAND's connections are carried without a setting: "
	       "docs/run.md"),
	TIME(app_start, "60s", 0.1, .help = "until all probes are ok"),
	OPTION(restart_app, VN_OPT_TEXT, .help = "where the application did not recover (default: "
	       "COMMAND anew)"),
	OPTION(load, VN_OPT_TEXT, .help = "runs beside the probes"),
	OPTION(guard, VN_OPT_TEXT, .help = "every 5 s; exit code not 0 ends the run"),
	TIME(run_limit, "30m", 1, .help = "what could end later is not begun"),
	OPTION(report, VN_OPT_TEXT, .help = "a directory for all reports and COMMAND's output"),
	OPTION(fail_on, VN_OPT_CHOICE, .def = "fail", .choices = fail_levels,
	       .help = "fail or degraded: what exit code 1 begins at"),
	OPTION(against, VN_OPT_TEXT, .help = "an earlier JSON report: only what got worse counts"),
	OPTION(config, VN_OPT_TEXT, .help = "[vaurien], [proxy:NAME], [audit], [probe:NAME], "
	       "[scenario:NAME]"),
	OPTION(plan, VN_OPT_BOOL, .help = "show the experiments and inject nothing"),
	OPTION(stay, VN_OPT_BOOL, .help = "keep own proxies, calm, until Ctrl-C"),
	OPTION(list, VN_OPT_BOOL, .help = "of scenario: name all outages"),
	OPTION(show, VN_OPT_TEXT, .help = "of scenario: an outage as a file, with --protocol"),
	OPTION(help, VN_OPT_BOOL, .help = "show this help"),
	OPTION(version, VN_OPT_BOOL, .help = "show the version"),
};

enum { ROWS_OWN = sizeof rows / sizeof rows[0] };

const struct option_values *option_values(const struct options *o)
{
	return o->values.opts;
}

double seconds_of(int64_t nanoseconds)
{
	return (double)nanoseconds / VN_S;
}

int option_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vaurien audit: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return 2;
}

/* ---- the table ---- */

void options_begin(struct options *o)
{
	size_t n = 0;

	*o = (struct options){ .n_probes = 0 };
	o->table = xcalloc(ROWS_OWN + FORMATS_MAX + 1, sizeof *o->table);
	o->levels = xcalloc(ROWS_OWN + FORMATS_MAX + 1, sizeof *o->levels);
	for (size_t i = 0; i < ROWS_OWN; i++)
		o->table[n++] = rows[i];
	size_t format = 0;
	for (const struct report_format *f = report_formats(); f && format < FORMATS_MAX;
	     f = f->next, format++)
		o->table[n++] = (struct vn_opt){
			.name = f->name, .type = VN_OPT_TEXT, .help = f->help,
			.offset = offsetof(struct option_values, files) + format * sizeof(char *),
		};
	o->flags = xcalloc(n, sizeof *o->flags);
	for (size_t i = 0; i < n; i++) {
		o->flags[i] = xstrdup(o->table[i].name);
		for (char *c = o->flags[i]; *c; c++)
			*c = *c == '_' ? '-' : *c;
	}
	opt_values_init(&o->values, o->table, sizeof(struct option_values));
}

const struct vn_opt *options_table(struct options *o)
{
	return o->table;
}

static struct texts *several_of(struct options *o, const struct vn_opt *row)
{
	return !strcmp(row->name, "probe") ? &o->probe_texts :
	       !strcmp(row->name, "scenario") ? &o->scenario_files :
	       !strcmp(row->name, "env") ? &o->env : NULL;
}

bool options_set(struct options *o, const struct vn_opt *row, const char *value, int level,
                    char error[ERROR_MAX])
{
	struct texts *several = several_of(o, row);
	int *set = &o->levels[row - o->table];

	if (several) {
		texts_add(several, value, strlen(value));
		return true;
	}
	if (*set && *set < level)
		return true;
	*set = level;
	return opt_set_text(&o->values, row, value, error);
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < o->n_probes; i++)
		probe_words_free(&o->probes[i]);
	free(o->probes);
	texts_free(&o->probe_texts);
	texts_free(&o->scenario_files);
	texts_free(&o->env);
	texts_free(&o->own);
	opt_values_free(&o->values);
	if (o->has_settings)
		settings_free(&o->settings);
	if (o->scenarios)
		scenarios_free(o->scenarios);
	json_decref(o->against);
	json_decref(o->shown);
	json_decref(o->command_line);
	for (size_t i = 0; o->table[i].name; i++)
		free(o->flags[i]);
	free(o->flags);
	free(o->table);
	free(o->levels);
}
