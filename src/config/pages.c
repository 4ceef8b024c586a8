/* pages.c - the generated pages of docs/ as markdown, made from the tables of guests. */
#include "config/pages.h"

#include <string.h>

#include "base/text.h"
#include "config/help.h"
#include "spec/behavior_group.h"
#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"
#include "spec/tls_options.h"

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
	fprintf(f, "| %s | value | effect |\n|---|---|---|\n", kind ? "option" : "field");
	for (const struct vn_opt *o = options; o->name; o++) {
		opt_describe(o, what, sizeof what);
		fprintf(f, "| `%s` ", o->name);
		cell(f, what);
		cell(f, o->help);
		fputs("|\n", f);
	}
	if (!kind)
		return;
	fprintf(f, "\nFlags: `--%s-", kind);
	for (const char *c = guest; *c; c++)
		fputc(*c == '_' ? '-' : *c, f);
	fprintf(f, "-OPTION`, with `-` for `_`. In the file: `[%s:%s]`.\n", kind, guest);
}

static void page_failures(FILE *f, const struct vn_protocol *p)
{
	char fits[ERROR_MAX];

	if (!p->failures || !p->failures->name) {
		fputs("\nNo failures: the protocol has no error replies.\n", f);
		return;
	}
	fputs("\n| failure | code | text | fits | connection afterwards |\n|---|---|---|---|---|\n",
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
static void page_head(FILE *f, const char *level, const char *name, const char *help)
{
	char text[ERROR_MAX * 3];

	fprintf(f, "\n%s %s\n\n", level, name);
	if (!help || !*help)
		return;
	snprintf(text, sizeof text, "%s%s", help, help[strlen(help) - 1] == '.' ? "" : ".");
	print_wrapped(f, text, 0, 0);
	fputc('\n', f);
}

/* The protocols that have this failure. */
static void page_needs(FILE *f, const char *failure)
{
	const char *gap = "";
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fprintf(f, "The protocol must have the failure `%s`: ", failure);
	for (size_t i = 0; i < n; i++)
		if (failure_find(all[i], failure)) {
			fprintf(f, "%s`%s`", gap, all[i]->name);
			gap = ", ";
		}
	fputs(".\n\n", f);
}

/* The defaults of the fields of rules that depend on the behavior. */
static void page_reach(FILE *f, const struct vn_behavior *b)
{
	if (b->direction == VN_REQUEST || b->direction == VN_RESPONSE)
		fprintf(f, "Default `direction`: `%s`.",
		        b->direction == VN_REQUEST ? "request" : "response");
	if (b->traits & VN_TRAIT_WHOLE)
		fprintf(f, "%sDefault `per`: `connection`.", b->direction ? " " : "");
	if (b->direction || b->traits & VN_TRAIT_WHOLE)
		fputs("\n\n", f);
	if (b->traits & VN_TRAIT_ONLY_DATAGRAMS)
		fputs("Only proxies on `udp://` have it.\n\n", f);
	else if (b->traits & VN_TRAIT_DATAGRAMS)
		fputs("Proxies on `udp://` have it, too.\n\n", f);
	if (b->failure)
		page_needs(f, b->failure);
}

static void page_example(FILE *f, const struct vn_behavior *b)
{
	if (b->example)
		fprintf(f, "    vaurienctl set-behavior %s\n\n", b->example);
	if (b->sees)
		fprintf(f, "The client sees: %s.\n\n", b->sees);
}

/* One row for each behavior, by group. */
static void page_groups(FILE *f)
{
	const struct vn_behavior *b;

	fputs("| group | behavior | what it does |\n|---|---|---|\n", f);
	for (const struct behavior_group *g = behavior_groups; g->name; g++) {
		const char *name = g->name;
		for (b = NULL; (b = behavior_group_next(g, b)); name = "") {
			fprintf(f, "| %s%s| [`%s`](#%s) ", name, *name ? " " : "", b->name,
			        b->name);
			cell(f, b->help ? b->help : "");
			fputs("|\n", f);
		}
	}
	fputs("\nSeveral behaviors look alike: see [which of these?](recipes.md#which-of-these) "
	      "in the recipes.\nThe last section has the [fields of rules](#fields-of-rules), "
	      "which every behavior takes.\n", f);
}

void page_behaviors(FILE *f)
{
	const struct vn_behavior *b;

	fputs("# Behaviors\n\nA behavior is a kind of fault. This page lists all of them, with an "
	      "example for each.\nIt is generated (`make docs`) from the tables in src/behaviors/ "
	      "and src/spec/rule_fields.c.\n\n", f);
	page_groups(f);
	for (const struct behavior_group *g = behavior_groups; g->name; g++) {
		for (b = NULL; (b = behavior_group_next(g, b));) {
			if (b == behavior_group_next(g, NULL))
				fprintf(f, "\n## %s\n\n%s.\n", g->title, g->help);
			page_head(f, "###", b->name, b->help);
			page_example(f, b);
			page_reach(f, b);
			page_options(f, b->options, "behavior", b->name);
		}
	}
	page_head(f, "##", "Fields of rules",
	          "A rule has these fields besides the options of its behavior. They select "
	          "requests and clients, and limit how often and how long the rule applies. Set "
	          "them in `PUT /behavior`, in `--rule`, in a section `[rule:NAME]`, or as "
	          "options of `vaurienctl set-behavior`: [rules.md](rules.md)");
	page_options(f, rule_options, NULL, NULL);
}

static void page_limits(FILE *f, const struct vn_protocol *p)
{
	if (p->limits)
		fputs("\nLimits:\n\n", f);
	for (const char *const *l = p->limits; l && *l; l++)
		fprintf(f, "- %s\n", *l);
}

static void page_counterparts(FILE *f, const struct vn_protocol *p)
{
	const struct vn_counterpart *last = p->counterparts;

	if (!last)
		return;
	while (last->theirs)
		last++;
	fprintf(f, "\n%s:\n\n| there | here |\n|---|---|\n", last->ours);
	for (const struct vn_counterpart *c = p->counterparts; c->theirs; c++)
		fprintf(f, "| %s | %s |\n", c->theirs, c->ours);
}

void page_protocols(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("# Protocols\n\nA protocol finds the requests in a stream, and has the errors of "
	      "the real server, its failures.\nThis page is generated (`make docs`) from the "
	      "tables in src/protocols/.\n\n"
	      "The option `failure` of `error` and `transient` takes the name of a failure:\n\n"
	      "    vaurienctl set-behavior error --failure deadlock\n\n"
	      "The column *fits* lists the requests that a failure can answer.\n", f);
	for (size_t i = 0; i < n; i++) {
		page_head(f, "##", all[i]->name, all[i]->help);
		page_options(f, all[i]->options, "protocol", all[i]->name);
		page_failures(f, all[i]);
		page_counterparts(f, all[i]);
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

void page_tls_options(FILE *f)
{
	fputs("# Options of TLS\n\nFields of a proxy: [tls.md](tls.md) explains them. This page is "
	      "generated\n(`make docs`) from the table in src/spec/tls_options.c.\n\n", f);
	page_options(f, tls_options, NULL, NULL);
	fputs("\nEach has one name everywhere, with `-` for `_` in flags: `--client-tls-cert`, "
	      "`client_tls_cert` in\n`[vaurien]` and `[proxy:NAME]`, a word of `--add`, a key of "
	      "`POST` and `PATCH /proxies`.\n", f);
}
