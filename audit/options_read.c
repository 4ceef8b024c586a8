/* options_read.c - the options from the command line, and from the file of --config. */
#include "audit/options_read.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/options_page.h"
#include "audit/under_run.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/error.h"
#include "config/ini.h"
#include "config/settings_read.h"
#include "net/cidr.h"

/* Values that name a file: those of a configuration are relative to it. */
static const char *const paths[] = { "report", "against", "scenario", NULL };

/* ---- the command line ---- */

static const struct vn_opt *row_of_flag(const struct options *o, const char *word)
{
	size_t n = strcspn(word + 2, "=");

	for (size_t i = 0; o->table[i].name; i++)
		if (strlen(o->flags[i]) == n && !memcmp(o->flags[i], word + 2, n))
			return &o->table[i];
	return NULL;
}

/* "; did you mean '--probe'?" or "". */
static const char *flag_suggest(const struct options *o, const char *word,
                                char buffer[SUGGEST_MAX])
{
	char *bare = xstrndup(word + strspn(word, "-"), strcspn(word + strspn(word, "-"), "="));
	struct suggestion near = { .word = bare };

	for (size_t i = 0; o->table[i].name; i++)
		suggest_try(&near, o->flags[i]);
	suggest_show(&near, "--", buffer);
	free(bare);
	return buffer;
}

/* The option at *at; moves behind its value. -1, or the exit code. */
static int flag_take(struct options *o, const struct vn_opt *row, char ***at, char **end)
{
	char error[ERROR_MAX];
	const char *value = strchr(**at, '='), *name = o->flags[row - o->table];
	size_t skip = strlen(name) + 2;

	++*at;
	if (value)
		value++;
	else if (row->type == VN_OPT_BOOL)
		value = "true";
	else if (*at < end)
		value = *(*at)++;
	else
		return option_error("--%s: expected a value", name);
	if (options_set(o, row, value, 1, error))
		return -1;
	return option_error("--%s: %s", name, strlen(error) > skip ? error + skip : error);
}

static int line_read(struct options *o, int argc, char **argv)
{
	char **at = argv + 1, **end = argv + argc;
	int code = -1;

	for (; code == -1 && at < end; ) {
		const struct vn_opt *row = !strncmp(*at, "--", 2) ? row_of_flag(o, *at) : NULL;
		if (!strcmp(*at, "-h"))
			row = row_of_flag(o, "--help");
		if (!strcmp(*at, "--")) {
			o->command = at + 1;
			break;
		}
		if (row)
			code = flag_take(o, row, &at, end);
		else if (o->scenario && **at != '-' && !o->own.n && !o->only_scenario) {
			/* FILE, then NAME */
			if (o->scenario_files.n)
				o->only_scenario = *at++;
			else
				options_set(o, row_of_flag(o, "--scenario"), *at++, 1,
				        (char[ERROR_MAX]){ 0 });
		} else if (o->scenario && **at != '-' && !o->own.n) {
			code = option_error("scenario: expected FILE [NAME], got another word, "
			                    "'%.60s'", *at);
		} else {
			texts_add(&o->own, *at, strlen(*at));
			at++;
		}
	}
	if (code == -1 && o->command && !*o->command)
		return option_error("expected a command behind --");
	return code;
}

/* ---- the file ---- */

static struct probe_words *probe_add(struct options *o)
{
	o->probes = xrealloc(o->probes, (o->n_probes + 1) * sizeof *o->probes);
	return &o->probes[o->n_probes++];
}

static struct probe_words *probe_named(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->n_probes; i++)
		if (!strcmp(o->probes[i].name, name))
			return &o->probes[i];
	return NULL;
}

static bool file_probe_take(struct options *o, const char *name, const struct ini_line *line,
                            char error[ERROR_MAX])
{
	struct probe_words *p = probe_named(o, name);
	char *path = NULL;

	if (p && p->by_flag)
		return true;
	if (!p) {
		p = probe_add(o);
		probe_words_init(p, name);
	}
	if (!strcmp(line->key, "body") && line->value[0] == '@') {
		struct ini_line file = *line;
		file.value = line->value + 1;
		char *full = ini_path(&file);
		path = xasprintf("@%s", full);
		free(full);
	}
	bool good = probe_words_set(p, line->key, path ? path : line->value, error);
	free(path);
	return good;
}

static bool is_path(const struct vn_opt *row)
{
	for (const struct report_format *f = report_formats(); f; f = f->next)
		if (!strcmp(f->name, row->name))
			return true;
	for (size_t i = 0; paths[i]; i++)
		if (!strcmp(paths[i], row->name))
			return true;
	return false;
}

static bool file_option_take(struct options *o, const struct ini_line *line,
                             char error[ERROR_MAX])
{
	static const char *const line_only[] = {
		"config", "help", "version", "list", "show", NULL
	};
	const struct vn_opt *row = opt_find(o->table, line->key);
	struct suggestion near = { .word = line->key };
	char meant[SUGGEST_MAX], shown[64];

	for (size_t i = 0; row && line_only[i]; i++)
		row = strcmp(line_only[i], row->name) ? row : NULL;
	if (!row) {
		for (const struct vn_opt *r = o->table; r->name; r++)
			suggest_try(&near, r->name);
		error_format(error, "unknown key '%s' in section [audit]%s",
		             text_printable(line->key, shown, sizeof shown),
		             suggest_show(&near, "", meant));
		return false;
	}
	char *path = is_path(row) ? ini_path(line) : NULL;
	bool good = options_set(o, row, path ? path : line->value, 2 + line->depth, error);
	free(path);
	return good;
}

static bool line_take(void *user, const struct ini_line *line, char error[ERROR_MAX])
{
	struct options *o = user;

	if (!strcmp(line->section, "audit"))
		return file_option_take(o, line, error);
	if (!strncmp(line->section, "probe:", 6))
		return file_probe_take(o, line->section + 6, line, error);
	return true;                    /* the proxies' and the scenarios' */
}

static bool is_ini(const char *file)
{
	size_t n = file ? strlen(file) : 0;

	return n && (n < 5 || strcmp(file + n - 5, ".json"));
}

/* ---- probes ---- */

/* One of the command line takes the place of one of the file. */
static int probes_of_flags(struct options *o)
{
	char error[ERROR_MAX];

	for (size_t i = 0; i < o->probe_texts.n; i++) {
		struct probe_words made;
		if (!probe_words_read(&made, o->probe_texts.at[i], error))
			return option_error("--probe: %s", error);
		struct probe_words *same = probe_named(o, made.name);
		made.by_flag = true;
		if (same) {
			int code = option_error("--probe: expected a name that no other has, got "
			                        "'%s'", made.name);
			probe_words_free(&made);
			return code;
		}
		*probe_add(o) = made;
	}
	return -1;
}

static int probes_check(struct options *o)
{
	char error[ERROR_MAX];

	if (o->n_probes > 64)
		return option_error("expected at most 64 probes, got %zu", o->n_probes);
	for (size_t i = 0; i < o->n_probes; i++)
		if (!probe_words_finish(&o->probes[i], error))
			return o->probes[i].by_flag ?
			       option_error("--probe '%s': %s", o->probes[i].name, error) :
			       option_error("%s: [probe:%s]: %s", option_values(o)->config,
			                    o->probes[i].name, error);
	return -1;
}

/* ---- the proxies' own options ---- */

static int own_error(const struct options *o, const char *sentence)
{
	static const char unknown[] = "unrecognized arguments: ", who[] = "vaurien: error: ";
	const char *at = strstr(sentence, unknown);
	char meant[SUGGEST_MAX] = "";

	if (at && !strstr(sentence, "did you mean"))
		flag_suggest(o, at + strlen(unknown), meant);
	sentence += strncmp(sentence, who, strlen(who)) ? 0 : strlen(who);
	return option_error("%s%s", sentence, meant);
}

/* What the words of the proxies mean; checked as `vaurien` does, which gets them later. */
static int own_read(struct options *o)
{
	const struct option_values *v = option_values(o);
	size_t n = 0;
	static char program[] = "vaurien", config[] = "--config";
	char sentence[4096] = "", **argv = xcalloc(o->own.n + 4, sizeof *argv);

	argv[n++] = program;
	for (size_t i = 0; i < o->own.n; i++)
		argv[n++] = o->own.at[i];
	if (v->config) {
		argv[n++] = config;
		argv[n++] = (char *)v->config;
	}
	error_capture(sentence, sizeof sentence);
	int code = settings_read(&o->settings, (int)n, argv);
	error_capture(NULL, 0);
	free(argv);
	o->has_settings = code == -1;
	if (code == -1 || !sentence[0])
		return code;
	return own_error(o, sentence);
}

static int own_check(struct options *o)
{
	const struct option_values *v = option_values(o);

	if (!v->attach)
		return o->own.n || v->config ? own_read(o) :
		       option_error("expected the options of a proxy, such as --protocol mysql "
		                    "--proxy :3307 --backend db:3306, or --attach URL");
	if (o->own.n) {
		char meant[SUGGEST_MAX];
		return option_error("--attach: expected no options of a proxy beside it, got "
		                    "'%s'%s", o->own.at[0], flag_suggest(o, o->own.at[0], meant));
	}
	return -1;
}

/* ---- all together ---- */

static int env_check(const struct options *o)
{
	for (size_t i = 0; i < o->env.n; i++) {
		const char *equals = strchr(o->env.at[i], '=');
		if (!equals || equals == o->env.at[i])
			return option_error("--env: expected NAME=TEXT, got '%s'", o->env.at[i]);
	}
	if (o->env.n && !o->command)
		return option_error("--env: expected -- COMMAND, which gets it");
	return -1;
}

static int against_read(struct options *o)
{
	const char *file = option_values(o)->against;
	char error[ERROR_MAX], *text;
	json_error_t wrong;
	size_t n;

	if (!file)
		return -1;
	if (file_read(file, 256 << 20, &text, &n, error))
		return option_error("--against: cannot read '%s': %s", file, error);
	o->against = json_loadb(text, n, 0, &wrong);
	free(text);
	if (!o->against)
		return option_error("--against: %s:%d: expected a JSON report: %s", file,
		                    wrong.line, wrong.text);
	if (!judge_against_good(o->against, error))
		return option_error("--against: %s: %s", file, error);
	return -1;
}

static bool same_file(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];

	return a && b && realpath(a, real_a) && realpath(b, real_b) && !strcmp(real_a, real_b);
}

/* Of --config, and of each --scenario; a file that is both is read once. */
static int scenarios_of_files(struct options *o)
{
	const char *config = option_values(o)->config;
	char sentence[4096] = "";
	size_t n = 0, all = 0;
	int code = -1;

	o->scenarios = scenarios_make();
	if (o->scenario && o->scenario_files.n == 1 && access(o->scenario_files.at[0], F_OK) &&
	    scenario_find(o->scenarios, o->scenario_files.at[0]))
		return option_error("scenario: expected FILE, got the name of an outage; run it "
		                    "with: vaurien audit --faults %s", o->scenario_files.at[0]);
	error_capture(sentence, sizeof sentence);
	if (is_ini(config))
		code = scenarios_read(o->scenarios, config, &n);
	for (size_t i = 0; i < o->scenario_files.n && code == -1; i++, all += n)
		if (!same_file(o->scenario_files.at[i], is_ini(config) ? config : NULL))
			code = scenarios_read(o->scenarios, o->scenario_files.at[i], &n);
	error_capture(NULL, 0);
	if (code != -1)
		return option_error("%s", sentence);
	if (o->scenario && o->scenario_files.n && !all)
		return option_error("%s: expected a section [scenario:NAME]",
		                    o->scenario_files.at[0]);
	return -1;
}

static int config_read(struct options *o)
{
	const char *config = option_values(o)->config;
	char sentence[4096] = "";

	if (!is_ini(config))
		return -1;
	error_capture(sentence, sizeof sentence);
	int code = ini_read(config, line_take, o);
	error_capture(NULL, 0);
	return code == -1 ? -1 : option_error("%s", sentence);
}

static int rest_check(struct options *o)
{
	const struct option_values *v = option_values(o);
	struct network network;

	if (v->only_client && !network_read(&network, v->only_client))
		return option_error("--only-client: expected an address or a network such as "
		                    "10.0.0.0/8, got '%s'", v->only_client);
	if (o->scenario && !o->scenario_files.n)
		return option_error("scenario: expected FILE, --list or --show NAME");
	if ((v->list || v->show) && !o->scenario)
		return option_error("--%s: expected `vaurien scenario`", v->list ? "list" : "show");
	if (v->yes_remote && !v->attach)
		return option_error("--yes-remote: expected --attach URL");
	if (v->token && !v->attach)
		return option_error("--token: expected --attach URL");
	if (v->stay && v->attach)
		return option_error("--stay: expected own proxies, got --attach");
	if (v->recover_within > v->give_up)
		return option_error("--recover-within: expected at most --give-up, %g s, got %g s",
		                    seconds_of(v->give_up), seconds_of(v->recover_within));
	return -1;
}

int options_read(struct options *o, int argc, char **argv)
{
	char **all = argv;
	int code;

	options_begin(o);
	o->scenario = argc > 1 && !strcmp(argv[1], "scenario");
	if (argc > 1 && (o->scenario || !strcmp(argv[1], "audit"))) {
		argv++;
		argc--;
	}
	o->command_line = options_command_line(o, argc, argv);
	if ((code = line_read(o, argc, argv)) != -1 || (code = options_page(o)) != -1)
		return code;
	/* Probes of flags come last in the reports, but their names are known first. */
	if ((code = config_read(o)) != -1 || (code = probes_of_flags(o)) != -1 ||
	    (code = scenarios_of_files(o)) != -1 || (code = options_scenario_page(o)) != -1 ||
	    (code = rest_check(o)) != -1 || (code = probes_check(o)) != -1 ||
	    (code = env_check(o)) != -1 || (code = against_read(o)) != -1 ||
	    (code = option_values(o)->run ? under_run(o, all) : own_check(o)) != -1)
		return code;
	o->shown = options_shown(o);
	return -1;
}
