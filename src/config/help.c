/* help.c - --help and --list, as text made from the tables of flags and guests. */
#include "config/help.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "config/error.h"
#include "spec/behavior_group.h"
#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"

enum { WIDTH = 100, INDENT = 34 };      /* columns of --help; where the help of a flag begins */

static const char *const group_titles[GROUPS] = {
	[GROUP_PROXY] = "Proxy",
	[GROUP_RUN] = "vaurien run",
	[GROUP_BEHAVIOR] = "Behavior",
	[GROUP_HTTP] = "HTTP",
	[GROUP_LOGS] = "Logs",
	[GROUP_STATSD] = "statsd",
	[GROUP_FLEET] = "Fleet",
	[GROUP_TLS] = "TLS",
	[GROUP_GENERAL] = "General",
	[GROUP_PROTOCOLS] = "Protocol options",
	[GROUP_BEHAVIORS] = "Behavior options",
	[GROUP_OLDER] = "Accepted for older command lines",
};

/* ---- --help ---- */

void print_wrapped(FILE *f, const char *text, size_t at, size_t indent)
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

/* The flags of this group. `g`: of GROUP_BEHAVIORS, those of the behaviors in `g`; else NULL. */
static bool flag_belongs(const struct flag *flag, enum flag_group group,
                         const struct behavior_group *g)
{
	return flag->group == group && (!g || behavior_find(flag->guest)->group == g->group);
}

static void help_group(FILE *f, enum flag_group group, const struct behavior_group *g,
                       const struct flags *flags)
{
	const char *guest = NULL;
	bool begun = false;

	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *flag = &flags->at[i];
		if (!flag_belongs(flag, group, g))
			continue;
		if (!begun)
			fprintf(f, "\n%s%s%s%s:\n", group_titles[group], g ? " (" : "",
			        g ? g->name : "", g ? ")" : "");
		begun = true;
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
		if (group != GROUP_BEHAVIORS)
			help_group(f, group, NULL, flags);
		else
			for (const struct behavior_group *g = behavior_groups; g->name; g++)
				help_group(f, group, g, flags);
	fputs("\nThe file takes all options but the general ones: --http-port as http_port in "
	      "[vaurien],\n"
	      "--statsd.port as port in [statsd], --behavior-delay-sleep as sleep in "
	      "[behavior:delay].\n"
	      "Options without a value are true; --http=false sets one to false.\n"
	      "vaurien demo shows some behaviors on a small backend of its own.\n"
	      "vaurien audit tests an application through faults: vaurien audit --help.\n",
	      f);
}

/* The name is the last word of the title: "run" of "vaurien run". */
bool help_group_one(FILE *f, const struct flags *flags, const char *name)
{
	bool found = false;

	for (enum flag_group group = 0; group < GROUP_PROTOCOLS; group++) {
		const char *blank = strrchr(group_titles[group], ' ');
		if (strcasecmp(blank ? blank + 1 : group_titles[group], name))
			continue;
		help_group(f, group, NULL, flags);
		found = true;
	}
	return found;
}

bool help_flag_one(FILE *f, const struct flags *flags, const char *name)
{
	const char *bare = name + strspn(name, "-");
	const struct flag *flag = *bare ? flag_find(flags, "", bare) : NULL;

	if (flag)
		help_flag(f, flag);
	return flag;
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

/* "  name   ": text begins in the column of the help. */
static void text_head(FILE *f, const char *name, const char *help)
{
	fprintf(f, "  %-13s ", name);
	print_wrapped(f, help ? help : "", strlen(name) > 13 ? 3 + strlen(name) : 16, 16);
}

static void text_failure(FILE *f, const struct vn_failure *x, const struct vn_protocol *p,
                         size_t at, size_t column)
{
	char line[ERROR_MAX * 3], fits[ERROR_MAX];

	snprintf(line, sizeof line, "%s \"%s\"; answers %s; the connection %s", x->code, x->text,
	         failure_fits_show(x, p, fits, sizeof fits), failure_end(x));
	print_wrapped(f, line, at, column);
}

static void text_failures(FILE *f, const struct vn_protocol *p)
{
	fprintf(f, "    failures:%s\n",
	        p->failures && p->failures->name ? "" : " none, the protocol has no error replies");
	for (const struct vn_failure *x = p->failures; x && x->name; x++) {
		if (!x->moments)        /* internal to the protocol */
			continue;
		fprintf(f, "      %-22s ", x->name);
		text_failure(f, x, p, strlen(x->name) > 22 ? 7 + strlen(x->name) : 29, 29);
	}
}

/* The defaults of the fields of rules that depend on the behavior. */
static void text_reach(FILE *f, const struct vn_behavior *b)
{
	bool one = b->direction == VN_REQUEST || b->direction == VN_RESPONSE;
	bool whole = b->traits & VN_TRAIT_WHOLE;

	if (b->traits & VN_TRAIT_DATAGRAMS)
		fprintf(f, "%16s%s\n", "", b->traits & VN_TRAIT_ONLY_DATAGRAMS ?
		        "Only on datagrams (udp://)." : "Also on datagrams (udp://).");
	if (!one && !whole)
		return;
	fprintf(f, "%16sDefault%s%s%s.\n", "",
	        !one ? "" : b->direction == VN_REQUEST ? " direction: request" :
	        " direction: response", one && whole ? "," : "", whole ? " per: connection" : "");
}

/* A behavior with its options. */
static void list_behavior(FILE *f, const struct vn_behavior *b)
{
	char line[ERROR_MAX * 3];

	text_head(f, b->name, b->help);
	text_reach(f, b);
	if (b->sees) {
		snprintf(line, sizeof line, "The client sees: %s.", b->sees);
		fprintf(f, "%16s", "");
		print_wrapped(f, line, 16, 16);
	}
	if (b->example)
		fprintf(f, "%16sExample: vaurienctl set-behavior %s\n", "", b->example);
	text_options(f, b->options);
}

static void list_group(FILE *f, const struct behavior_group *g)
{
	fprintf(f, "behaviors, %s (%c%s):\n", g->name, tolower((unsigned char)g->help[0]),
	        g->help + 1);
	for (const struct vn_behavior *b = NULL; (b = behavior_group_next(g, b));)
		list_behavior(f, b);
}

static void list_behaviors(FILE *f)
{
	bool first = true;

	for (const struct behavior_group *g = behavior_groups; g->name; g++) {
		if (!behavior_group_next(g, NULL))
			continue;
		if (!first)
			fputc('\n', f);
		first = false;
		list_group(f, g);
	}
}

static void list_protocol(FILE *f, const struct vn_protocol *p)
{
	text_head(f, p->name, p->help);
	text_options(f, p->options);
	text_failures(f, p);
}

/* "--behavior-slow-open-" */
static void flags_named(FILE *f, const char *kind, const char *guest)
{
	fprintf(f, "\n--%s-", kind);
	for (const char *c = guest; *c; c++)
		fputc(*c == '_' ? '-' : *c, f);
	fprintf(f, "-OPTION of vaurien, OPTION in [%s:%s] of the file", kind, guest);
}

/* A failure in each protocol that has it. False: none has. */
static bool list_failure(FILE *f, const char *name)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		const struct vn_failure *x = failure_offered(all[i], name);
		if (!x)
			continue;
		if (!found)
			fprintf(f, "  %s\n", name);
		found = true;
		fprintf(f, "    %-10s ", all[i]->name);
		text_failure(f, x, all[i], 15, 15);
	}
	return found;
}

static void list_protocols(FILE *f)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	fputs("protocols:\n", f);
	for (size_t i = 0; i < n; i++)
		list_protocol(f, all[i]);
}

static void list_failures(FILE *f)
{
	fputs("failures, each the same outage in every protocol that has it:\n", f);
	for (const char *name = failure_name_next(NULL); name; name = failure_name_next(name))
		list_failure(f, name);
}

static void list_rules(FILE *f)
{
	fputs("fields of rules, for every behavior:\n", f);
	text_options(f, rule_options);
}

/* What fits a proxy on udp://, from the tables that the checks use. */
static void list_udp(FILE *f)
{
	size_t n;
	char names[1000] = "";
	const struct vn_protocol *const *p = protocols_all(&n);

	fputs("udp: a proxy on udp://HOST:PORT passes datagrams, and its backend is UDP, too.\n"
	      "  Example: vaurien --proxy udp://127.0.0.1:5300 --backend 10.0.0.5:53 "
	      "--protocol dns\n", f);
	for (size_t i = 0; i < n; i++)
		if (!p[i]->request || p[i]->datagrams)
			text_add(names, sizeof names, " %s", p[i]->name);
	fprintf(f, "  protocols:%s\n", names);
	const struct vn_behavior *const *b = behaviors_all(&n);
	*names = '\0';
	for (size_t i = 0; i < n; i++)
		if (b[i]->traits & VN_TRAIT_DATAGRAMS)
			text_add(names, sizeof names, " %s", b[i]->name);
	fputs("  behaviors:", f);
	print_wrapped(f, names, 12, 13);
}

void help_list(FILE *f)
{
	list_behaviors(f);
	fputc('\n', f);
	list_rules(f);
	fputc('\n', f);
	list_protocols(f);
}

/* ---- --list WHAT ---- */

static const struct { const char *name; void (*show)(FILE *); } kinds[] = {
	{ "behaviors", list_behaviors }, { "protocols", list_protocols },
	{ "failures", list_failures }, { "rules", list_rules }, { "udp", list_udp },
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The behavior of that name, and how its options are given. */
static void list_behavior_alone(FILE *f, const struct vn_behavior *b)
{
	list_behavior(f, b);
	if (b->options && b->options->name) {
		flags_named(f, "behavior", b->name);
		fprintf(f, ", and\n`vaurienctl set-behavior %s --OPTION VALUE` set them.\n",
		        b->name);
	}
	for (const struct vn_opt *o = b->options; o && o->name; o++)
		if (o->type == VN_OPT_TIME) {
			fputs("A time may have its unit: 250ms, 2s, 1m.\n", f);
			break;
		}
	fputs("The fields of rules apply as well: vaurien --list rules.\n", f);
}

static void list_protocol_alone(FILE *f, const struct vn_protocol *p)
{
	list_protocol(f, p);
	if (p->options && p->options->name) {
		flags_named(f, "protocol", p->name);
		fputs(" set them.\n", f);
	}
}

/* A name may be a behavior's and a failure's: both are shown. */
bool help_list_one(FILE *f, const char *name)
{
	const struct vn_behavior *b = behavior_find(name);
	const struct vn_protocol *p = protocol_find(name);

	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, name)) {
			kinds[i].show(f);
			return true;
		}
	if (b)
		list_behavior_alone(f, b);
	if (p)
		list_protocol_alone(f, p);
	return list_failure(f, name) || b || p;
}

static void list_names(struct suggestion *near)
{
	size_t n;

	for (size_t i = 0; i < KINDS; i++)
		suggest_try(near, kinds[i].name);
	const struct vn_behavior *const *b = behaviors_all(&n);
	for (size_t i = 0; i < n; i++)
		suggest_try(near, b[i]->name);
	const struct vn_protocol *const *p = protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		suggest_try(near, p[i]->name);
	for (const char *name = failure_name_next(NULL); name; name = failure_name_next(name))
		suggest_try(near, name);
}

const char *help_list_suggest(const char *word, char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = word };

	list_names(&near);
	return suggest_show(&near, "", buffer);
}

const char *help_flag_suggest(const struct flags *flags, const char *word, char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = word + strspn(word, "-") };

	suggest_try(&near, "all");
	suggest_try(&near, "run");
	list_names(&near);
	for (size_t i = 0; i < flags->n; i++)
		suggest_try(&near, flags->at[i].name);
	return suggest_show(&near, "", buffer);
}
