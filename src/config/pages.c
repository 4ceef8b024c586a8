/* pages.c - the generated pages of docs/ as markdown, made from the tables of guests. */
#include "config/pages.h"

#include <string.h>

#include "base/text.h"
#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"

/* One cell of a table, with markdown escaped. */
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
	fputs("\n| failure | code | text | can answer | the connection |\n|---|---|---|---|---|\n",
	      f);
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

/* A heading, and the help as a paragraph. */
static void page_head(FILE *f, const char *name, const char *help)
{
	fprintf(f, "\n## %s\n\n", name);
	if (help && *help)
		fprintf(f, "%s%s\n\n", help, help[strlen(help) - 1] == '.' ? "" : ".");
}

/* The protocols that have this failure. */
static void page_needs(FILE *f, const char *failure)
{
	const char *gap = "";
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fprintf(f, "It needs a protocol with the failure `%s`: ", failure);
	for (size_t i = 0; i < n; i++)
		if (failure_find(all[i], failure)) {
			fprintf(f, "%s`%s`", gap, all[i]->name);
			gap = ", ";
		}
	fputs(".\n\n", f);
}

/* What a behavior acts on by default, unless it is everything. */
static void page_reach(FILE *f, const struct vn_behavior *b)
{
	if (b->direction == VN_REQUEST || b->direction == VN_RESPONSE)
		fprintf(f, "It acts on %s unless `direction` says otherwise.",
		        b->direction == VN_REQUEST ? "requests" : "responses");
	if (b->traits & VN_TRAIT_WHOLE)
		fprintf(f, "%sThe dice decide once for each connection unless `per` is `exchange`.",
		        b->direction ? " " : "");
	if (b->direction || b->traits & VN_TRAIT_WHOLE)
		fputs("\n\n", f);
	if (b->failure)
		page_needs(f, b->failure);
}

void page_behaviors(FILE *f)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);

	fputs("# Behaviors\n\nThis page is generated (`make docs`) from the tables in "
	      "src/behaviors/ and src/spec/rule_fields.c.\n", f);
	for (size_t i = 0; i < n; i++) {
		page_head(f, all[i]->name, all[i]->help);
		page_reach(f, all[i]);
		page_options(f, all[i]->options, "behavior", all[i]->name);
	}
	page_head(f, "Fields of rules",
	          "Whatever its behavior, a rule can say whom it means, how often and how long: "
	          "beside the options in `PUT /behavior`, in `--rule` and in a section "
	          "`[rule:NAME]`");
	page_options(f, rule_options, NULL, NULL);
}

static void page_limits(FILE *f, const struct vn_protocol *p)
{
	if (p->limits)
		fputs("\nLimits:\n\n", f);
	for (const char *const *l = p->limits; l && *l; l++)
		fprintf(f, "- %s\n", *l);
}

void page_protocols(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("# Protocols\n\nThis page is generated (`make docs`) from the tables in "
	      "src/protocols/.\n"
	      "A failure's name is what the option `failure` of a behavior takes.\n",
	      f);
	for (size_t i = 0; i < n; i++) {
		page_head(f, all[i]->name, all[i]->help);
		page_options(f, all[i]->options, "protocol", all[i]->name);
		page_failures(f, all[i]);
		page_limits(f, all[i]);
	}
}

/* A row for each name, a column for each protocol with failures. */
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
	for (const char *name = failure_name_next(NULL); name; name = failure_name_next(name)) {
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
