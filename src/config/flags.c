/* flags.c - the table of flags, and the command line, read with getopt_long. */
#include "config/flags.h"

#include <assert.h>
#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "config/error.h"

struct warning { char *text; struct warning *next; };

/* ---- warnings ---- */

void flags_warn_later(struct flags *flags, const char *format, ...)
{
	va_list args;
	struct warning *w = xcalloc(1, sizeof *w), **end = &flags->warnings;
	va_start(args, format);
	int n = vasprintf(&w->text, format, args);
	va_end(args);
	assert(n >= 0);
	while (*end)
		end = &(*end)->next;
	*end = w;
}

void flags_warn(const struct flags *flags)
{
	for (const struct warning *w = flags->warnings; w; w = w->next)
		log_warning("%s", w->text);
}

/* ---- the table ---- */

struct flag *flags_add(struct flags *flags, enum flag_group group, const char *prefix,
                       const struct vn_opt *o, struct opt_values *b)
{
	struct flag *f;
	bool ignored;
	flags->at = xrealloc(flags->at, (flags->n + 1) * sizeof *flags->at);
	f = &flags->at[flags->n++];
	*f = (struct flag){ .group = group, .opt = o, .values = b };
	f->name = xasprintf("%s%s", prefix, o->name);
	for (char *c = f->name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (o->type == VN_OPT_BOOL ||
	    (o->type == VN_OPT_INERT && (!o->def || text_to_bool(o->def, &ignored))))
		f->alone = "true";      /* an inert option whose default is a boolean was one */
	return f;
}

static const char *value_word(const struct vn_opt *o)
{
	switch (o->type) {
	case VN_OPT_INT:
	case VN_OPT_INERT:   return "N";
	case VN_OPT_REAL:    return "X";
	case VN_OPT_TIME:    return o->unit == VN_S ? "SECONDS" : o->unit == VN_MS ? "MS" :
	                            o->unit == VN_US ? "US" : "TIME";
	case VN_OPT_TEXT:    return "TEXT";
	case VN_OPT_CHOICE:  return "WORD";
	case VN_OPT_FAILURE: return "NAME";
	case VN_OPT_TABLE:   return "TABLE";
	case VN_OPT_BOOL:    break;
	}
	return NULL;
}

void flags_add_guest(struct flags *flags, enum flag_group group, const char *kind,
                     const char *guest, const char *help, const struct vn_opt *options,
                     struct opt_values *b)
{
	char prefix[100];
	snprintf(prefix, sizeof prefix, "%s-%s-", kind, guest);
	for (const struct vn_opt *o = options; o && o->name; o++) {
		struct flag *f = flags_add(flags, o->type == VN_OPT_INERT ? GROUP_OLDER : group,
		                           prefix, o, b);
		f->guest = guest;
		f->guest_help = help ? help : "";
		f->value = f->alone ? NULL : value_word(o);
	}
}

static void proxy_config_free(struct proxy_config *p)
{
	for (struct override *s = p->overrides, *next; s; s = next) {
		next = s->next;
		free(s->value);
		free(s);
	}
	free(p->name);
	free(p);
}

void flags_free(struct flags *flags)
{
	for (size_t i = 0; i < flags->n; i++)
		free(flags->at[i].name);
	free(flags->at);
	for (struct unknown_section *s = flags->unknown_sections, *next; s; s = next) {
		next = s->next;
		free(s->name);
		free(s);
	}
	for (struct file_rule *r = flags->rules, *next; r; r = next) {
		next = r->next;
		free(r->name);
		free(r->behavior);
		free(r->proxy);
		free(r->text);
		free(r);
	}
	for (struct proxy_config *p = flags->proxies, *next; p; p = next) {
		next = p->next;
		proxy_config_free(p);
	}
	for (struct warning *w = flags->warnings, *next; w; w = next) {
		next = w->next;
		free(w->text);
		free(w);
	}
	*flags = (struct flags){ .at = NULL };
}

static const char joints[] = ":.-_";

/* Section "behavior:delay" and key "before" are the flag "behavior-delay-before". The characters
 * between words, :.-_ are all alike. */
static bool joined_same(const char *name, const char *section, const char *key)
{
	char full[200];
	snprintf(full, sizeof full, "%s%s%s", section, *section ? "." : "", key);
	size_t i;
	for (i = 0; full[i] && name[i]; i++)
		if (full[i] != name[i] && !(strchr(joints, full[i]) && strchr(joints, name[i])))
			return false;
	return full[i] == name[i];
}

/* Does the flag's name begin with that of the section? */
static bool flag_in_section(const struct flag *f, const char *section)
{
	char head[200];
	size_t n = strlen(section);

	if (strlen(f->name) < n + 2 || n >= sizeof head)
		return false;
	snprintf(head, sizeof head, "%.*s", (int)n, f->name);
	return strchr(joints, f->name[n]) && joined_same(head, "", section);
}

/* Keys of files are written with "_". */
static const char *suggest_show_key(const struct suggestion *s, char buffer[SUGGEST_MAX])
{
	suggest_show(s, "", buffer);
	for (char *c = buffer; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return buffer;
}

struct flag *flag_find(const struct flags *flags, const char *section, const char *key)
{
	for (size_t i = 0; i < flags->n; i++)
		if (joined_same(flags->at[i].name, section, key))
			return &flags->at[i];
	return NULL;
}

const struct flag *flag_get(const struct flags *flags, const char *name)
{
	const struct flag *f = flag_find(flags, "", name);
	assert(f);
	return f;
}

/* Add a line. The values of all levels count. */
static bool flag_append(struct flag *f, const char *text, int level, char error[ERROR_MAX])
{
	const char *before = *(char **)opt_at(f->values, f->opt);
	char *lines = xasprintf("%s%s%s", before ? before : "", before ? "\n" : "", text);

	bool good = opt_set_text(f->values, f->opt, lines, error);
	free(lines);
	f->level = f->level ? f->level : level;
	return good;
}

bool flag_set(struct flag *f, const char *text, int level, char error[ERROR_MAX])
{
	bool yes = true;

	if (f->many)
		return flag_append(f, text, level, error);
	if (f->level && f->level < level)
		return true;
	if (!opt_set_text(f->values, f->opt, text, error))
		return false;
	text_to_bool(text, &yes);
	f->on = yes;
	f->level = level;
	return true;
}

int flag_error_suggest(const struct flag *f, const char *expected, const char *got,
                       const char *meant)
{
	if (f->level == 1 && !error_prefixed())
		return usage_error("argument --%s: expected %s, got '%s'%s", f->name, expected, got,
		                   meant);
	return value_error("%s: expected %s, got '%s'%s", f->opt->name, expected, got, meant);
}

int flag_error(const struct flag *f, const char *expected, const char *got)
{
	return flag_error_suggest(f, expected, got, "");
}

/* ---- overrides of one proxy ---- */

struct proxy_config *flags_proxy(struct flags *flags, const char *name)
{
	struct proxy_config **end = &flags->proxies;

	while (*end && strcmp((*end)->name, name))
		end = &(*end)->next;
	if (!*end) {
		struct proxy_config *p = *end = xcalloc(1, sizeof *p);
		p->name = xstrdup(name);
		p->last = &p->overrides;
	}
	return *end;
}

/* In the section of a proxy "listen" is --proxy. */
struct flag *flags_own(struct flags *flags, const char *key)
{
	struct flag *f = flag_find(flags, "", strcmp(key, "listen") ? key : "proxy");

	return f && (f->own || f->guest) ? f : NULL;
}

const char *flags_own_suggest(const struct flags *flags, const char *key, char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = key };

	suggest_try(&near, "listen");
	for (size_t i = 0; i < flags->n; i++)
		if (flags->at[i].own || flags->at[i].guest)
			suggest_try(&near, flags->at[i].name);
	return suggest_show_key(&near, buffer);
}

const char *flags_key_suggest(const struct flags *flags, const char *section, const char *key,
                              char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = key };
	size_t n = strlen(section);

	for (size_t i = 0; i < flags->n; i++) {
		const struct flag *f = &flags->at[i];
		bool inside = n ? flag_in_section(f, section) : !f->guest;
		if (inside && f->group != GROUP_GENERAL)
			suggest_try(&near, f->name + (n ? n + 1 : 0));
	}
	return suggest_show_key(&near, buffer);
}

bool flags_section_known(const struct flags *flags, const char *section)
{
	for (size_t i = 0; i < flags->n; i++)
		if (!*section || flag_in_section(&flags->at[i], section))
			return true;
	return false;
}

/* Try the value on a copy. */
static bool value_good(const struct flag *f, const char *value, char error[ERROR_MAX])
{
	struct opt_values probe;

	opt_values_copy(&probe, f->values);
	bool good = opt_set_text(&probe, f->opt, value, error);
	opt_values_free(&probe);
	return good;
}

bool proxy_config_set(struct proxy_config *p, struct flag *f, int level, const char *value,
                      char error[ERROR_MAX])
{
	if (!value_good(f, value, error))
		return false;
	struct override *s = *p->last = xcalloc(1, sizeof *s);
	s->flag = f;
	s->level = level;
	s->value = xstrdup(value);
	p->last = &s->next;
	return true;
}

/* ---- the command line ---- */

enum { FIRST = 256 };           /* getopt_long returns FIRST + index: above all characters */

static struct option *getopt_table(const struct flags *flags)
{
	struct option *table = xcalloc(flags->n + 1, sizeof *table);
	for (size_t i = 0; i < flags->n; i++) {
		table[i].name = flags->at[i].name;
		table[i].has_arg = flags->at[i].alone ? optional_argument : required_argument;
		table[i].val = FIRST + (int)i;
	}
	return table;
}

int flags_peek(const struct flags *flags, const char *name, int argc, char **argv,
               int (*take)(void *user, const char *value), void *user)
{
	struct option *table = getopt_table(flags);
	int code = -1, c;

	optind = 0;                             /* resets getopt */
	opterr = 0;
	while (code == -1 && (c = getopt_long(argc, argv, flags->ends ? "+:h" : "-:h",
	                                       table, NULL)) != -1)
		if (c >= FIRST && !strcmp(flags->at[c - FIRST].name, name) && optarg)
			code = take(user, optarg);
	free(table);
	return code;
}

static int argument_unknown(const struct flags *flags, const char *word)
{
	static const char *const words[] = { "demo", "run", "audit", "scenario" };
	size_t dashes = strspn(word, "-");
	char *bare = xstrndup(word + dashes, strcspn(word + dashes, "=")), meant[SUGGEST_MAX];
	struct suggestion near = { .word = bare };

	for (size_t i = 0; dashes && i < flags->n; i++)
		suggest_try(&near, flags->at[i].name);
	for (size_t i = 0; !dashes && i < sizeof words / sizeof words[0]; i++)
		suggest_try(&near, words[i]);
	int code = usage_error("unrecognized arguments: %s%s", word,
	                       suggest_show(&near, dashes ? "--" : "", meant));
	free(bare);
	return code;
}

static int flag_unknown(const struct flags *flags, const char *word)
{
	size_t n = strcspn(word, "="), found = 0;
	for (size_t i = 0; n > 2 && i < flags->n; i++)
		found += !strncmp(flags->at[i].name, word + 2, n - 2);
	if (found > 1 && !strncmp(word, "--", 2))
		return usage_error("ambiguous option: %.*s could match %zu options", (int)n, word,
		                   found);
	return argument_unknown(flags, word);
}

/* "--list failures": the flag can stand alone, but a text that follows is its value. */
static bool flag_takes(const struct flag *f, const char *next)
{
	return f->alone && f->opt->type == VN_OPT_TEXT && next && *next != '-';
}

static int flag_given(struct flag *f, const char *text)
{
	char error[ERROR_MAX];
	size_t name = strlen(f->opt->name) + strlen(": ");

	if (!text)
		text = f->alone;
	if (flag_set(f, text, 1, error))
		return -1;
	return usage_error("argument --%s: %s", f->name,
	                   strlen(error) > name ? error + name : error);
}

/* -h, and its value if there is one. */
static int help_given(struct flags *flags, const char *next)
{
	struct flag *f = (struct flag *)flag_get(flags, "help");
	bool takes = flag_takes(f, next);

	optind += takes;
	return flag_given(f, takes ? next : NULL);
}

int flags_read_line(struct flags *flags, int argc, char **argv)
{
	struct option *table = getopt_table(flags);
	int code = -1, c;

	optind = 0;                             /* resets getopt */
	opterr = 0;
	while (code == -1 && (c = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		if (c >= FIRST && !optarg && flag_takes(&flags->at[c - FIRST], argv[optind]))
			code = flag_given(&flags->at[c - FIRST], argv[optind++]);
		else if (c >= FIRST)
			code = flag_given(&flags->at[c - FIRST], optarg);
		else if (c == 'h')
			code = help_given(flags, argv[optind]);
		else if (c == ':' && optopt >= FIRST)
			code = usage_error("argument --%s: expected one argument",
			                   flags->at[optopt - FIRST].name);
		else
			code = flag_unknown(flags, argv[optind - (optind > 1)]);
	}
	if (flags->ends)
		flags->rest = argv + optind;
	else if (code == -1 && optind < argc)
		code = argument_unknown(flags, argv[optind]);
	free(table);
	return code;
}
