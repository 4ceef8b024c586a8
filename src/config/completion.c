/* completion.c - the list from which shells complete words of the command line.
 *
 * Shells get it from the program (--list=words), so it has the guests of plugins, too. */
#include "config/completion.h"

#include <string.h>

#include "spec/failure.h"
#include "spec/registry.h"
#include "spec/rule.h"

static void words_put(FILE *f, const char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		fprintf(f, "%s%s", i ? " " : "", names[i]);
}

static void behaviors_put(FILE *f)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? " " : "", all[i]->name);
}

static void protocols_put(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? " " : "", all[i]->name);
}

/* The failures of all protocols, each name once. */
static void failures_put(FILE *f)
{
	const char *gap = "";
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	for (size_t i = 0; i < n; i++) {
		for (const struct vn_failure *x = all[i]->failures; x && x->name; x++) {
			bool known = !x->moments;       /* internal to the protocol: not listed */
			for (size_t k = 0; k < i && !known; k++)
				known = failure_find(all[k], x->name);
			if (!known) {
				fprintf(f, "%s%s", gap, x->name);
				gap = " ";
			}
		}
	}
}

/* What --list and --help take. */
static void listings_put(FILE *f, const char *flag)
{
	fputs(strcmp(flag, "help") ? "" : "all ", f);
	fputs("behaviors protocols failures rules ", f);
	behaviors_put(f);
	fputc(' ', f);
	protocols_put(f);
	fputc(' ', f);
	failures_put(f);
}

/* The values of an option, if they are a list; else "-". */
static void values_put(FILE *f, const struct vn_opt *o)
{
	static const char *const truths[] = { "true", "false", NULL };

	if (o->choices)
		words_put(f, o->choices);
	else if (o->type == VN_OPT_BOOL)
		words_put(f, truths);
	else if (o->type == VN_OPT_FAILURE)
		failures_put(f);
	else if (!strcmp(o->name, "protocol"))
		protocols_put(f);
	else if (!strcmp(o->name, "behavior"))
		behaviors_put(f);
	else if (!strcmp(o->name, "list") || !strcmp(o->name, "help"))
		listings_put(f, o->name);
	else
		fputc('-', f);
}

static void row_put(FILE *f, const char *kind, const char *name, const char *value,
                    const struct vn_opt *o)
{
	fprintf(f, "%s\t--", kind);
	for (; *name; name++)
		fputc(*name == '_' ? '-' : *name, f);
	fprintf(f, "\t%s\t", value);
	values_put(f, o);
	fprintf(f, "\t%s\n", o->help);
}

void completion_list(FILE *f, const struct flags *flags)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);

	for (size_t i = 0; i < flags->n; i++)
		if (flags->at[i].group != GROUP_OLDER)
			row_put(f, "flag", flags->at[i].name,
			        flags->at[i].value ? flags->at[i].value : "-", flags->at[i].opt);
	for (const struct vn_opt *o = rule_options; o->name; o++)
		row_put(f, "field", o->name, "VALUE", o);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "behavior\t%s\t-\t-\t%s\n", all[i]->name,
		        all[i]->help ? all[i]->help : "");
}
