/* help.c - --help and --list, as text made from the tables of flags and guests. */
#include "config/help.h"

#include <string.h>

#include "config/error.h"
#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"

enum { WIDTH = 100, INDENT = 34 };      /* columns of --help; where the help of a flag begins */

static const char *const group_titles[GROUPS] = {
	[GROUP_PROXY] = "Proxy", [GROUP_BEHAVIOR] = "Behavior", [GROUP_HTTP] = "HTTP",
	[GROUP_LOGS] = "Logs", [GROUP_STATSD] = "statsd", [GROUP_GENERAL] = "General",
	[GROUP_PROTOCOLS] = "Protocol options", [GROUP_BEHAVIORS] = "Behavior options",
	[GROUP_OLDER] = "Accepted for older command lines",
};

/* ---- --help ---- */

/* Print text from column `at`, wrapped at WIDTH; further lines begin at `indent`. */
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

	snprintf(left, sizeof left, "%*s--%s%s%s", (int)indent, "", flag->name,
	         flag->value ? " " : "", flag->value ? flag->value : "");
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
			print_wrapped(f, group == GROUP_OLDER ? "" : flag->guest_help,
			              strlen(guest) + 4, 4);
		}
		help_flag(f, flag);
	}
}

void help_print(FILE *f, const struct flags *flags)
{
	fputs("Runs a Chaos TCP proxy.\n\n", f);
	usage_print(f);
	for (enum flag_group group = 0; group < GROUPS; group++)
		help_group(f, group, flags);
	fputs("\nAll but the general options can stand in the file too: --http-port as "
	      "http_port in [vaurien],\n"
	      "--statsd.port as port in [statsd], --behavior-delay-sleep as sleep in "
	      "[behavior:delay].\n"
	      "Options that are true or false take a value if need be: --http=false.\n"
	      "vaurien demo shows every behavior on a small backend of its own.\n",
	      f);
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
	fprintf(f, "    failures:%s\n",
	        p->failures && p->failures->name ? "" : " none, there are no words to refuse with");
	for (const struct vn_failure *x = p->failures; x && x->name; x++) {
		if (!x->moments)        /* internal to the protocol */
			continue;
		fprintf(f, "      %-22s ", x->name);
		snprintf(line, sizeof line, "%s \"%s\"; the connection %s", x->code, x->text,
		         failure_end(x));
		print_wrapped(f, line, 29, 29);
	}
}

/* ---- --list failures ---- */

void help_list_failures(FILE *f)
{
	char line[ERROR_MAX * 3], fits[ERROR_MAX];
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("failures, each the same outage in every protocol that has it:\n", f);
	for (const char *name = failure_name_next(NULL); name; name = failure_name_next(name)) {
		fprintf(f, "  %s\n", name);
		for (size_t i = 0; i < n; i++) {
			const struct vn_failure *x = failure_offered(all[i], name);
			if (!x)
				continue;
			fprintf(f, "    %-10s ", all[i]->name);
			snprintf(line, sizeof line, "%s \"%s\"; answers %s; the connection %s",
			         x->code, x->text, failure_fits_show(x, all[i], fits, sizeof fits),
			         failure_end(x));
			print_wrapped(f, line, 15, 15);
		}
	}
}

static void text_reach(FILE *f, const struct vn_behavior *b)
{
	const char *on = b->direction == VN_REQUEST ? "requests" :
	                 b->direction == VN_RESPONSE ? "responses" : "requests and responses";
	char line[ERROR_MAX];

	if (b->direction != VN_REQUEST && b->direction != VN_RESPONSE &&
	    !(b->traits & VN_TRAIT_WHOLE))
		return;
	snprintf(line, sizeof line, "By itself it acts on %s%s.", on,
	         b->traits & VN_TRAIT_WHOLE ? ", and is drawn for each connection" : "");
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
