/* options.h - what an audit is to do: the table of options, and their values. */
#ifndef AUDIT_OPTIONS_H
#define AUDIT_OPTIONS_H

#include "audit/judge.h"
#include "audit/probe_words.h"
#include "audit/report.h"
#include "audit/scenario.h"
#include "config/settings.h"

enum { FORMATS_MAX = 8 };

struct option_values {                  /* the rows of the table; times in ns */
	const char *attach, *token, *only, *faults, *restart_app, *load, *guard, *only_client;
	const char *report, *fail_on, *against, *config, *show;
	const char *probe, *scenario, *env;     /* not set: their values are in lists */
	int64_t baseline, probe_every, probe_timeout, fault_time, hang_time, recover_within;
	int64_t give_up, aftermath, app_start, run_limit;
	bool run;
	bool yes_remote, plan, stay, help, version, list;
	const char *files[FORMATS_MAX]; /* of the formats of reports, by their number */
};

struct options {
	bool scenario;                  /* `vaurien scenario` */
	const char *only_scenario;      /* its NAME */
	struct opt_values values;       /* a struct option_values */
	struct vn_opt *table;
	char **flags;                   /* their names with dashes */
	int *levels;                    /* of each row: 0 not set, 1 command line, 2 ... files */
	struct texts probe_texts, scenario_files, env;
	struct probe_words *probes;
	size_t n_probes;
	char **command;                 /* COMMAND, NULL at the end; NULL: none */
	struct texts own;               /* the words of the proxies */
	struct settings settings;       /* what they mean; not with `attach` */
	bool has_settings;
	struct scenarios *scenarios;
	json_t *against;                /* the report to compare with; NULL */
	json_t *shown;                  /* "options" of the report */
	json_t *command_line;           /* without what it must not show */
};

const struct option_values *option_values(const struct options *);
double seconds_of(int64_t nanoseconds);

void options_begin(struct options *);
void options_free(struct options *);

/* A value from the command line (level 1), the file (2) or files that it extends (3 ...): a lower
 * level wins. False: `error` has a sentence. */
bool options_set(struct options *, const struct vn_opt *row, const char *value, int level,
                 char error[ERROR_MAX]);

/* One sentence on the standard error; returns 2. */
int option_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The table, for --help. */
const struct vn_opt *options_table(struct options *);

/* Its column in --help: "FILE"; NULL: the option has no value. */
const char *option_value_word(const struct vn_opt *);

#endif
