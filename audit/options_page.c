/* options_page.c - options as text: --help, the lists of scenarios, and what a report shows. */
#include "audit/options_page.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/help.h"
#include "spec/registry.h"
#include "vaurien.h"

/* ---- --help ---- */

static const struct { const char *title, *first; } groups[] = {
	{ "What is audited", "attach" }, { "Probes", "probe" }, { "Faults", "faults" },
	{ "Times", "baseline" }, { "The application", "env" }, { "The report", "report" },
	{ "General", "config" },
};

static const struct { const char *option, *word; } value_words[] = {
	{ "attach", "URL" }, { "token", "TEXT" }, { "only", "PROXY,..." },
	{ "only_client", "CIDR" }, { "probe", "WORDS" }, { "faults", "LIST" },
	{ "scenario", "FILE" }, { "env", "NAME=TEXT" }, { "restart_app", "COMMAND" },
	{ "load", "COMMAND" }, { "guard", "COMMAND" }, { "report", "DIR" },
	{ "fail_on", "WORD" }, { "show", "NAME" },
};

const char *option_value_word(const struct vn_opt *row)
{
	for (size_t i = 0; i < sizeof value_words / sizeof value_words[0]; i++)
		if (!strcmp(value_words[i].option, row->name))
			return value_words[i].word;
	return row->type == VN_OPT_BOOL ? NULL : row->type == VN_OPT_TIME ? "TIME" : "FILE";
}

static void help_row(const struct vn_opt *row)
{
	char left[64], text[ERROR_MAX];
	const char *word = option_value_word(row);
	int n = snprintf(left, sizeof left, "  --%s%s%s", row->name, word ? " " : "",
	                 word ? word : "");

	for (char *c = left; c < left + 4 + strlen(row->name); c++)
		*c = *c == '_' ? '-' : *c;
	snprintf(text, sizeof text, "%s%s%s%s", row->help, row->def ? " (default " : "",
	         row->def ? row->def : "", row->def ? ")" : "");
	printf("%-*s", n > 26 ? n + 2 : 28, left);
	print_wrapped(stdout, text, n > 26 ? (size_t)n + 2 : 28, 28);
}

/* A line for all. */
static void help_formats(struct options *o)
{
	char names[100] = "";

	for (const struct report_format *f = report_formats(); f; f = f->next)
		text_add(names, sizeof names, "%s--%s", f == report_formats() ? "  " : ", ",
		         f->name);
	printf("%s FILE\n%28sthe report in this format\n", names, "");
}

static void page_help(struct options *o)
{
	fputs("Asks an application, through faults of its backends, what still works.\n\n"
	      "usage: vaurien audit --attach URL --probe WORDS ... [OPTION ...]\n"
	      "       vaurien audit [OPTION of vaurien ...] --probe WORDS ... [OPTION ...] "
	      "[-- COMMAND ...]\n"
	      "       vaurien audit --config FILE [OPTION ...]\n"
	      "       vaurien scenario FILE [NAME] [OPTION ...] | --list | --show NAME "
	      "--protocol NAME\n", stdout);
	for (const struct vn_opt *row = options_table(o); row->name; row++) {
		for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
			if (!strcmp(groups[i].first, row->name))
				printf("\n%s:\n", groups[i].title);
		if (!strcmp(row->name, "report"))
			help_formats(o);
		if (strcmp(row->name, "version") && !report_format_find(row->name))
			help_row(row);
	}
	fputs("\nExit codes: 0 nothing failed, 1 something did, 2 wrong options, 3 inconclusive,\n"
	      "4 it could not be carried out. docs/audit.md has the words of probes, and "
	      "scenarios.\n", stdout);
}

int options_page(struct options *o)
{
	const struct option_values *v = option_values(o);

	if (v->version)
		puts(VAURIEN_VERSION);
	else if (v->help)
		page_help(o);
	else
		return -1;
	return fflush(stdout) ? 4 : 0;
}

/* ---- scenarios ---- */

/* Of `vaurien scenario --show NAME --protocol P`. NULL: none is given. */
static const char *protocol_given(const struct options *o)
{
	for (size_t i = 0; i < o->own.n; i++) {
		if (!strncmp(o->own.at[i], "--protocol=", 11))
			return o->own.at[i] + 11;
		if (!strcmp(o->own.at[i], "--protocol") && i + 1 < o->own.n)
			return o->own.at[i + 1];
	}
	return NULL;
}

static int show(struct options *o, const char *name)
{
	const struct scenario *s = scenario_find(o->scenarios, name);
	const char *word = protocol_given(o);
	const struct vn_protocol *p = word ? protocol_find(word) : NULL;
	char meant[SUGGEST_MAX], error[ERROR_MAX];

	if (!s)
		return option_error("--show: expected the name of an outage, got '%s'%s", name,
		                    scenario_suggest(o->scenarios, name, meant));
	if (!word)
		return option_error("--show %s: expected --protocol NAME", name);
	if (!p)
		return option_error("--protocol: expected a protocol that vaurien --list shows, "
		                    "got '%s'%s", word, protocol_suggest(word, meant));
	if (!scenario_show(o->scenarios, s, p, stdout, error))
		return option_error("--show %s: %s", name, error);
	return fflush(stdout) ? 4 : 0;
}

int options_scenario_page(struct options *o)
{
	const struct option_values *v = option_values(o);

	if (!o->scenario || !(v->list || v->show))
		return -1;
	if (v->show)
		return show(o, v->show);
	scenarios_list(o->scenarios, stdout);
	return fflush(stdout) ? 4 : 0;
}

/* ---- the report ---- */

/* mysql://app:secret@db/shop: what is between ":" and "@" is left out. Another address, or the text
 * itself; *made is to be freed. */
static const char *without_password(const char *text, char **made)
{
	const char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : NULL;
	size_t n = host ? strcspn(host, "/?# ") : 0;
	const char *at = n ? memrchr(host, '@', n) : NULL;
	const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;

	*made = NULL;
	if (!colon)
		return text;
	*made = xasprintf("%.*s:...%s", (int)(colon - text), text, at);
	return *made;
}

json_t *options_text_shown(const char *text)
{
	char *made;
	json_t *shown = json_text(without_password(text, &made));

	free(made);
	return shown;
}

static json_t *list_shown(const struct texts *t, bool names_only)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		char *name = xstrndup(t->at[i], strcspn(t->at[i], "="));
		json_array_append_new(list, names_only ? json_text(name) :
		                            options_text_shown(t->at[i]));
		free(name);
	}
	return list;
}

json_t *options_shown(struct options *o)
{
	json_t *all = json_object();

	for (const struct vn_opt *row = options_table(o); row->name; row++) {
		const void *at = (const char *)o->values.opts + row->offset;
		const char *text = opt_is_text(row) ? *(char *const *)at : NULL;
		if (!strcmp(row->name, "token") || !strcmp(row->name, "probe"))
			continue;       /* a secret; and "probes" has them */
		if (!strcmp(row->name, "env"))
			json_object_set_new(all, row->name, list_shown(&o->env, true));
		else if (!strcmp(row->name, "scenario"))
			json_object_set_new(all, row->name, list_shown(&o->scenario_files, false));
		else if (row->type == VN_OPT_TIME)
			json_object_set_new(all, row->name,
			                    json_real(seconds_of(*(const int64_t *)at)));
		else if (row->type == VN_OPT_BOOL && *(const bool *)at)
			json_object_set_new(all, row->name, json_true());
		else if (text)
			json_object_set_new(all, row->name, options_text_shown(text));
	}
	return all;
}

/* header=... and body=... of a probe, as "header=..."; the rest as it is. */
static json_t *probe_shown(const char *text)
{
	char *made, *shown = NULL;
	size_t size;
	FILE *to = open_memstream(&shown, &size);
	const char *at = without_password(text, &made);

	while (*at) {
		size_t n = strspn(at, " \t");
		bool secret = !strncmp(at + n, "header=", 7) || !strncmp(at + n, "body=", 5);
		size_t word = strcspn(at + n, secret ? "=" : " \t");
		fprintf(to, "%.*s%s", (int)(n + word), at, secret ? "=..." : "");
		at += n + word;
		if (!secret)
			continue;
		for (char quote = 0; *at && (quote || !strchr(" \t", *at)); at++)
			quote = quote == *at ? 0 : !quote && strchr("'\"", *at) ? *at : quote;
	}
	fclose(to);
	json_t *value = json_text(shown);
	free(shown);
	free(made);
	return value;
}

json_t *options_command_line(struct options *o, int argc, char **argv)
{
	json_t *all = json_array();
	char what = 0;                  /* of the next word: p(robe), t(oken), e(nv) */
	bool command = false;

	json_array_append_new(all, json_string("vaurien"));
	json_array_append_new(all, json_string(o->scenario ? "scenario" : "audit"));
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *equals = strchr(word, '=');
		size_t n = equals ? (size_t)(equals + 1 - word) : strlen(word);
		if (what == 't') {
			json_array_append_new(all, json_string("..."));
		} else if (what == 'e') {
			json_array_append_new(all, json_sprintf("%.*s...", (int)n, word));
		} else if (what == 'p') {
			json_array_append_new(all, probe_shown(word));
		} else if (!command && equals && (!strncmp(word, "--token=", 8) ||
		           !strncmp(word, "--http-token=", 13) || !strncmp(word, "--env=", 6) ||
		           !strncmp(word, "--probe=", 8))) {
			json_array_append_new(all, json_sprintf("%.*s...", (int)n, word));
		} else {
			json_array_append_new(all, options_text_shown(word));
		}
		command |= !strcmp(word, "--");
		what = what || command ? 0 :
		       !strcmp(word, "--token") || !strcmp(word, "--http-token") ? 't' :
		       !strcmp(word, "--env") ? 'e' : !strcmp(word, "--probe") ? 'p' : 0;
	}
	return all;
}
