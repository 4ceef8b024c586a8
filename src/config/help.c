/* help.c - what Vaurien can do, told for terminals and as markdown, all of it from the guests' tables. */
#include "config/help.h"

#include <string.h>

#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule.h"

enum { WIDTH = 100, INDENT = 34 };      /* of a line of --help; where its sentences begin */

static const char *const group_titles[GROUPS] = {
	[GROUP_PROXY] = "Proxy", [GROUP_BEHAVIOR] = "Behavior", [GROUP_HTTP] = "HTTP", [GROUP_LOGS] = "Logs",
	[GROUP_STATSD] = "statsd", [GROUP_GENERAL] = "General", [GROUP_PROTOCOLS] = "Protocol options",
	[GROUP_BEHAVIORS] = "Behavior options", [GROUP_OLDER] = "Accepted for older command lines",
};

/* ---- --help ---- */

void help_usage(FILE *f)
{
	fputs("usage: vaurien [--proxy HOST:PORT] [--backend HOST:PORT] [--protocol NAME]\n"
	      "               [--behavior WEIGHTS] [--http] [--config FILE] [OPTION ...]\n"
	      "       vaurien --help | --list | --version | demo\n", f);
}

/* Print words from column `at`, wrapped and indented. */
static void print_wrapped(FILE *f, const char *text, size_t at, size_t indent)
{
	for (bool first = true; *text; first = false) {
		size_t n = strcspn(text, " ");
		if (!first && at + 1 + n > WIDTH) {
			fprintf(f, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', f);
			at++;
		}
		fprintf(f, "%.*s", (int)n, text);
		at += n;
		text += n + strspn(text + n, " ");
	}
	fputc('\n', f);
}

static void help_flag(FILE *f, const struct flag *flag)
{
	char left[160], kind[ERROR_MAX], text[ERROR_MAX * 3];
	size_t indent = flag->guest ? 4 : 2;

	snprintf(left, sizeof left, "%*s--%s%s%s", (int)indent, "", flag->name, flag->value ? " " : "",
	         flag->value ? flag->value : "");
	opt_describe(flag->opt, kind, sizeof kind);
	if (flag->opt->type == VN_OPT_INERT)
		snprintf(text, sizeof text, "%s", flag->opt->help);
	else if (flag->guest)
		snprintf(text, sizeof text, "%s (%s)", flag->opt->help, kind);
	else if (flag->opt->def)
		snprintf(text, sizeof text, "%s (default %s)", flag->opt->help, flag->opt->def);
	else
		snprintf(text, sizeof text, "%s", flag->opt->help);
	if (strlen(left) + 2 > INDENT)
		fprintf(f, "%s\n%*s", left, INDENT, "");
	else
		fprintf(f, "%-*s", INDENT, left);
	print_wrapped(f, text, INDENT, INDENT);
}

static void help_group(FILE *f, enum flag_group group, const struct flags *flags)
{
	const char *guest = NULL;

	fprintf(f, "\n%s:\n", group_titles[group]);
	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *flag = &flags->at[i];
		if (flag->group != group)
			continue;
		if (flag->guest && flag->guest != guest) {
			guest = flag->guest;
			fprintf(f, "  %s:%s", guest, group == GROUP_OLDER ? "" : " ");
			print_wrapped(f, group == GROUP_OLDER ? "" : flag->guest_help, strlen(guest) + 4, 4);
		}
		help_flag(f, flag);
	}
}

void help_print(FILE *f, const struct flags *flags)
{
	fputs("Runs a Chaos TCP proxy.\n\n", f);
	help_usage(f);
	for (enum flag_group group = 0; group < GROUPS; group++)
		help_group(f, group, flags);
	fputs("\nAll but the general options can stand in the file too: --http-port as http_port in [vaurien],\n"
	      "--statsd.port as port in [statsd], --behavior-delay-sleep as sleep in [behavior:delay].\n"
	      "Options that are true or false take a value if need be: --http=false.\n"
	      "vaurien demo shows every behavior on a small backend of its own.\n", f);
}

/* ---- --list ---- */

static void text_options(FILE *f, const struct vn_opt *options)
{
	char kind[ERROR_MAX], line[ERROR_MAX * 3];
	for (const struct vn_opt *o = options; o && o->name; o++) {
		opt_describe(o, kind, sizeof kind);
		fprintf(f, "      %-22s ", o->name);
		if (o->type == VN_OPT_INERT)
			snprintf(line, sizeof line, "%s: %s", kind, o->help);
		else
			snprintf(line, sizeof line, "%s (%s)", o->help, kind);
		print_wrapped(f, line, 29, 29);
	}
}

static void text_failures(FILE *f, const struct vn_protocol *p)
{
	char line[ERROR_MAX * 3];
	fprintf(f, "    failures:%s\n", p->failures && p->failures->name ? "" : " none, there are no words to refuse with");
	for (const struct vn_failure *x = p->failures; x && x->name; x++) {
		if (!x->moments)        /* the protocol's own affair */
			continue;
		fprintf(f, "      %-22s ", x->name);
		snprintf(line, sizeof line, "%s \"%s\"; the connection %s", x->code, x->text, failure_end(x));
		print_wrapped(f, line, 29, 29);
	}
}

/* ---- --list failures: each name once, and who knows it ---- */

static const struct vn_failure *failure_offered(const struct vn_protocol *p, const char *name)
{
	const struct vn_failure *f = failure_find(p, name);

	return f && f->moments ? f : NULL;
}

/* The first name after `last`, of those that any protocol has; NULL: there is none. */
static const char *name_next(const char *last)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	const char *next = NULL;

	for (size_t i = 0; i < n; i++)
		for (const struct vn_failure *f = all[i]->failures; f && f->name; f++)
			if (f->moments && (!last || strcmp(f->name, last) > 0) && (!next || strcmp(f->name, next) < 0))
				next = f->name;
	return next;
}

void help_list_failures(FILE *f)
{
	char line[ERROR_MAX * 3], fits[ERROR_MAX];
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("failures, each the same outage in every protocol that has it:\n", f);
	for (const char *name = name_next(NULL); name; name = name_next(name)) {
		fprintf(f, "  %s\n", name);
		for (size_t i = 0; i < n; i++) {
			const struct vn_failure *x = failure_offered(all[i], name);
			if (!x)
				continue;
			fprintf(f, "    %-10s ", all[i]->name);
			snprintf(line, sizeof line, "%s \"%s\"; answers %s; the connection %s", x->code, x->text,
			         failure_fits_show(x, all[i], fits, sizeof fits), failure_end(x));
			print_wrapped(f, line, 15, 15);
		}
	}
}

static void text_reach(FILE *f, const struct vn_behavior *b)
{
	const char *on = b->direction == VN_REQUEST ? "requests" : b->direction == VN_RESPONSE ? "responses" : "requests and responses";
	char line[ERROR_MAX];

	if (b->direction != VN_REQUEST && b->direction != VN_RESPONSE && !(b->traits & VN_TRAIT_WHOLE))
		return;
	snprintf(line, sizeof line, "By itself it acts on %s%s.", on, b->traits & VN_TRAIT_WHOLE ? ", and is drawn for each connection" : "");
	fprintf(f, "%16s", "");
	print_wrapped(f, line, 16, 16);
}

void help_list(FILE *f)
{
	size_t n;

	fputs("behaviors:\n", f);
	const struct vn_behavior *const *b = behaviors_all(&n);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "  %-14s", b[i]->name);
		print_wrapped(f, b[i]->help ? b[i]->help : "", 16, 16);
		text_reach(f, b[i]);
		text_options(f, b[i]->options);
	}
	fputs("\nfields of rules, whatever the behavior:\n", f);
	text_options(f, rule_options);
	fputs("\nprotocols:\n", f);
	const struct vn_protocol *const *p = protocols_all(&n);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "  %-14s", p[i]->name);
		print_wrapped(f, p[i]->help ? p[i]->help : "", 16, 16);
		text_options(f, p[i]->options);
		text_failures(f, p[i]);
	}
}

/* ---- pages ---- */

/* A text in a cell of a table. */
static void cell(FILE *f, const char *text)
{
	fputs("| ", f);
	for (; *text; text++) {
		if (strchr("|<>*_`\\", *text))
			fputc('\\', f);
		fputc(*text, f);
	}
	fputc(' ', f);
}

static void page_options(FILE *f, const struct vn_opt *options, const char *kind, const char *guest)
{
	char what[ERROR_MAX];

	if (!options || !options->name) {
		fputs("No options.\n", f);
		return;
	}
	fputs("| option | value | what it says |\n|---|---|---|\n", f);
	for (const struct vn_opt *o = options; o->name; o++) {
		opt_describe(o, what, sizeof what);
		fprintf(f, "| `%s` ", o->name);
		cell(f, what);
		cell(f, o->help);
		fputs("|\n", f);
	}
	if (!kind)
		return;
	fprintf(f, "\nOn the command line: `--%s-", kind);
	for (const char *c = guest; *c; c++)
		fputc(*c == '_' ? '-' : *c, f);
	fprintf(f, "-OPTION`, with `-` for `_`; in the file: section `[%s:%s]`.\n", kind, guest);
}

static void page_failures(FILE *f, const struct vn_protocol *p)
{
	char fits[ERROR_MAX];

	if (!p->failures || !p->failures->name) {
		fputs("\nNo failures: there are no words to refuse with.\n", f);
		return;
	}
	fputs("\n| failure | code | text | can answer | the connection |\n|---|---|---|---|---|\n", f);
	for (const struct vn_failure *x = p->failures; x->name; x++) {
		if (!x->moments)
			continue;
		fprintf(f, "| `%s` ", x->name);
		cell(f, x->code);
		cell(f, x->text);
		cell(f, failure_fits_show(x, p, fits, sizeof fits));
		cell(f, failure_end(x));
		fputs("|\n", f);
	}
}

/* A guest's help as a sentence of its own. */
static void page_head(FILE *f, const char *name, const char *help)
{
	fprintf(f, "\n## %s\n\n", name);
	if (help && *help)
		fprintf(f, "%s%s\n\n", help, help[strlen(help) - 1] == '.' ? "" : ".");
}

/* Whose protocols have a failure. */
static void page_needs(FILE *f, const char *failure)
{
	size_t n, said = 0;
	const struct vn_protocol *const *all = protocols_all(&n);

	fprintf(f, "It needs a protocol with the failure `%s`: ", failure);
	for (size_t i = 0; i < n; i++)
		if (failure_find(all[i], failure))
			fprintf(f, "%s`%s`", said++ ? ", " : "", all[i]->name);
	fputs(".\n\n", f);
}

/* What a behavior acts on, where that is not everything. */
static void page_reach(FILE *f, const struct vn_behavior *b)
{
	if (b->direction == VN_REQUEST || b->direction == VN_RESPONSE)
		fprintf(f, "It acts on %s unless `direction` says otherwise.", b->direction == VN_REQUEST ? "requests" : "responses");
	if (b->traits & VN_TRAIT_WHOLE)
		fprintf(f, "%sThe dice decide once for each connection unless `per` is `exchange`.", b->direction ? " " : "");
	if (b->direction || b->traits & VN_TRAIT_WHOLE)
		fputs("\n\n", f);
	if (b->failure)
		page_needs(f, b->failure);
}

void page_behaviors(FILE *f)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);

	fputs("# Behaviors\n\nThis page is generated (`make docs`) from the tables in src/behaviors/ and src/spec/rule_fields.c.\n", f);
	for (size_t i = 0; i < n; i++) {
		page_head(f, all[i]->name, all[i]->help);
		page_reach(f, all[i]);
		page_options(f, all[i]->options, "behavior", all[i]->name);
	}
	page_head(f, "Fields of rules", "Whatever its behavior, a rule can say whom it means, how often and how long: beside "
	          "the options in `PUT /behavior`, in `--rule` and in a section `[rule:NAME]`");
	page_options(f, rule_options, NULL, NULL);
}

void page_protocols(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("# Protocols\n\nThis page is generated (`make docs`) from the tables in src/protocols/.\n"
	      "A failure's name is what the option `failure` of a behavior takes.\n", f);
	for (size_t i = 0; i < n; i++) {
		page_head(f, all[i]->name, all[i]->help);
		page_options(f, all[i]->options, "protocol", all[i]->name);
		page_failures(f, all[i]);
	}
}

/* One row a name, one column a protocol that has words. */
void page_failure_names(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("| failure ", f);
	for (size_t i = 0; i < n; i++)
		if (all[i]->failures)
			fprintf(f, "| %s ", all[i]->name);
	fputs("|\n|---", f);
	for (size_t i = 0; i < n; i++)
		if (all[i]->failures)
			fputs("|---", f);
	fputs("|\n", f);
	for (const char *name = name_next(NULL); name; name = name_next(name)) {
		fprintf(f, "| `%s` ", name);
		for (size_t i = 0; i < n; i++) {
			if (!all[i]->failures)
				continue;
			const struct vn_failure *x = failure_offered(all[i], name);
			cell(f, x ? x->code : "");
		}
		fputs("|\n", f);
	}
}
