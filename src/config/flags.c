/* flags.c - the command line by getopt_long, the file by config.c: both speak of the same flags, and the same
 * rows check what they say. */
#include "config/flags.h"

#include <assert.h>
#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/ini.h"
#include "config/help.h"
#include "base/log.h"
#include "spec/registry.h"

struct unknown_section { char *name; bool callable; struct unknown_section *next; };  /* a section of a guest that is not here */
struct warning { char *text; struct warning *next; };

/* ---- warnings ---- */

__attribute__((format(printf, 2, 3)))
static void warn_later(struct flags *flags, const char *format, ...)
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

struct flag *flags_add(struct flags *flags, enum flag_group group, const char *prefix, const struct vn_opt *o,
                       struct opt_values *b)
{
	struct flag *f;
	bool word;
	flags->at = xrealloc(flags->at, (flags->n + 1) * sizeof *flags->at);
	f = &flags->at[flags->n++];
	*f = (struct flag){ .group = group, .opt = o, .values = b };
	int n = asprintf(&f->name, "%s%s", prefix, o->name);
	assert(n >= 0);
	for (char *c = f->name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (o->type == VN_OPT_BOOL || (o->type == VN_OPT_INERT && (!o->def || text_to_bool(o->def, &word))))
		f->alone = "true";      /* an inert one was a flag if its default is a word for false */
	return f;
}

static const char *value_word(const struct vn_opt *o)
{
	switch (o->type) {
	case VN_OPT_INT:
	case VN_OPT_INERT:   return "N";
	case VN_OPT_REAL:    return "X";
	case VN_OPT_TIME:    return o->unit == VN_S ? "SECONDS" : o->unit == VN_MS ? "MS" : o->unit == VN_US ? "US" : "TIME";
	case VN_OPT_TEXT:    return "TEXT";
	case VN_OPT_CHOICE:  return "WORD";
	case VN_OPT_FAILURE: return "NAME";
	case VN_OPT_TABLE:   return "TABLE";
	case VN_OPT_BOOL:    break;
	}
	return NULL;
}

void flags_add_guest(struct flags *flags, enum flag_group group, const char *kind, const char *guest, const char *help,
                     const struct vn_opt *options, struct opt_values *b)
{
	char prefix[100];
	snprintf(prefix, sizeof prefix, "%s-%s-", kind, guest);
	for (const struct vn_opt *o = options; o && o->name; o++) {
		struct flag *f = flags_add(flags, o->type == VN_OPT_INERT ? GROUP_OLDER : group, prefix, o, b);
		f->guest = guest;
		f->guest_help = help ? help : "";
		f->value = f->alone ? NULL : value_word(o);
	}
}

static void proxy_config_free(struct proxy_config *p)
{
	for (struct said *s = p->said, *next; s; s = next) {
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

/* A file's "behavior:delay" and "before" name the flag "behavior-delay-before": what joins words is all one. */
static bool joined_same(const char *name, const char *section, const char *key)
{
	static const char joints[] = ":.-_";
	char full[200];
	snprintf(full, sizeof full, "%s%s%s", section, *section ? "." : "", key);
	size_t i;
	for (i = 0; full[i] && name[i]; i++)
		if (full[i] != name[i] && !(strchr(joints, full[i]) && strchr(joints, name[i])))
			return false;
	return full[i] == name[i];
}

static struct flag *flag_find(const struct flags *flags, const char *section, const char *key)
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

/* One line more; all that anyone says counts. */
static bool flag_append(struct flag *f, const char *text, int level, char error[ERROR_MAX])
{
	const char *before = *(char **)((char *)f->values->opts + f->opt->offset);
	char *lines;
	int n = asprintf(&lines, "%s%s%s", before ? before : "", before ? "\n" : "", text);

	assert(n >= 0);
	bool good = opt_set_text(f->values, f->opt, lines, error);
	free(lines);
	f->level = f->level ? f->level : level;
	return good;
}

/* `level`: who says so. What a nearer one has said stands. */
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

/* ---- one proxy's own ---- */

struct proxy_config *flags_proxy(struct flags *flags, const char *name)
{
	struct proxy_config **end = &flags->proxies;

	while (*end && strcmp((*end)->name, name))
		end = &(*end)->next;
	if (!*end) {
		struct proxy_config *p = *end = xcalloc(1, sizeof *p);
		p->name = xstrdup(name);
		p->last = &p->said;
	}
	return *end;
}

/* "listen" is what a proxy's own section calls --proxy. */
struct flag *flags_own(struct flags *flags, const char *key)
{
	struct flag *f = flag_find(flags, "", strcmp(key, "listen") ? key : "proxy");

	return f && (f->own || f->guest) ? f : NULL;
}

/* Does the option take that value? Asked of a copy. */
static bool value_good(const struct flag *f, const char *value, char error[ERROR_MAX])
{
	struct opt_values probe;

	opt_values_copy(&probe, f->values);
	bool good = opt_set_text(&probe, f->opt, value, error);
	opt_values_free(&probe);
	return good;
}

bool proxy_config_set(struct proxy_config *p, struct flag *f, int level, const char *value, char error[ERROR_MAX])
{
	if (!value_good(f, value, error))
		return false;
	struct said *s = *p->last = xcalloc(1, sizeof *s);
	s->flag = f;
	s->level = level;
	s->value = xstrdup(value);
	p->last = &s->next;
	return true;
}

/* ---- the command line ---- */

enum { FIRST = 256 };                   /* of the values that getopt_long returns for flags: beyond all characters */

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

int flags_peek(const struct flags *flags, const char *name, int argc, char **argv, int (*take)(void *user, const char *value), void *user)
{
	struct option *table = getopt_table(flags);
	int code = -1, c;

	optind = 0;                             /* start afresh */
	opterr = 0;
	while (code == -1 && (c = getopt_long(argc, argv, "-:h", table, NULL)) != -1)
		if (c >= FIRST && !strcmp(flags->at[c - FIRST].name, name) && optarg)
			code = take(user, optarg);
	free(table);
	return code;
}

static int flag_unknown(const struct flags *flags, const char *word)
{
	size_t n = strcspn(word, "="), found = 0;
	for (size_t i = 0; n > 2 && i < flags->n; i++)
		found += !strncmp(flags->at[i].name, word + 2, n - 2);
	if (found > 1 && !strncmp(word, "--", 2))
		return usage_error("ambiguous option: %.*s could match %zu options", (int)n, word, found);
	return usage_error("unrecognized arguments: %s", word);
}

/* "--list failures": a word that it may take, though it can stand alone. */
static bool flag_takes(const struct flag *f, const char *next)
{
	for (const char *const *c = f->alone ? f->opt->choices : NULL; c && next && *c; c++)
		if (!strcmp(*c, next))
			return true;
	return false;
}

static int flag_given(struct flag *f, const char *text)
{
	char error[ERROR_MAX];
	size_t name = strlen(f->opt->name) + strlen(": ");

	if (!text)
		text = f->alone;
	if (flag_set(f, text, 1, error))
		return -1;
	return usage_error("argument --%s: %s", f->name, strlen(error) > name ? error + name : error);
}

int flags_read_line(struct flags *flags, int argc, char **argv)
{
	struct option *table = getopt_table(flags);
	int code = -1, c;

	optind = 0;                             /* start afresh */
	opterr = 0;
	while (code == -1 && (c = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		if (c >= FIRST && !optarg && flag_takes(&flags->at[c - FIRST], argv[optind]))
			code = flag_given(&flags->at[c - FIRST], argv[optind++]);
		else if (c >= FIRST)
			code = flag_given(&flags->at[c - FIRST], optarg);
		else if (c == 'h')
			code = flag_given(flag_find(flags, "", "help"), NULL);
		else if (c == ':' && optopt >= FIRST)
			code = usage_error("argument --%s: expected one argument", flags->at[optopt - FIRST].name);
		else
			code = flag_unknown(flags, argv[optind - (optind > 1)]);
	}
	if (code == -1 && optind < argc)
		code = usage_error("unrecognized arguments: %s", argv[optind]);
	free(table);
	return code;
}

/* ---- the file ---- */

const char *flags_section_guest(const char *section, bool *behavior)
{
	*behavior = !strncmp(section, "behavior", 8);
	if ((*behavior || !strncmp(section, "protocol", 8)) && section[8] && strchr(":.", section[8]))
		return section + 9;
	return NULL;
}

static void unknown_section_note(struct flags *flags, const char *section, bool callable)
{
	struct unknown_section *s = flags->unknown_sections;
	while (s && strcmp(s->name, section) != 0)
		s = s->next;
	if (!s) {
		s = xcalloc(1, sizeof *s);
		s->name = xstrdup(section);
		s->next = flags->unknown_sections;
		flags->unknown_sections = s;
	}
	s->callable |= callable;
}

/* [rule:NAME]: kept as the words that --rule takes. */
static struct file_rule *file_rule(struct flags *flags, const char *name)
{
	struct file_rule **end = &flags->rules;

	while (*end && strcmp((*end)->name, name))
		end = &(*end)->next;
	if (!*end) {
		*end = xcalloc(1, sizeof **end);
		(*end)->name = xstrdup(name);
		(*end)->text = xstrdup("");
	}
	return *end;
}

/* Has a nearer file said this? In values a quote has a backslash before it, so a key is found only where one is. */
static bool file_rule_said(const struct file_rule *r, const char *key)
{
	char *word;
	int n = asprintf(&word, " %s=\"", key);
	assert(n >= 0);
	const char *at = strstr(r->text, word);
	free(word);
	return at && (size_t)(at - r->text) < r->nearer_text;
}

static void file_rule_behave(struct file_rule *r, const char *value)
{
	if (r->nearer_behavior)
		return;
	free(r->behavior);
	r->behavior = xstrdup(value);
}

static void file_rule_say(struct file_rule *r, const char *key, const char *value)
{
	char *text, *to;

	if (file_rule_said(r, key))
		return;
	text = xmalloc(strlen(r->text) + strlen(key) + 2 * strlen(value) + 8);
	to = text + sprintf(text, "%s %s=\"", r->text, key);
	for (; *value; *to++ = *value++)
		if (*value == '"' || *value == '\\')
			*to++ = '\\';
	strcpy(to, "\"");
	free(r->text);
	r->text = text;
}

static void file_rule_take(struct file_rule *r, const char *key, const char *value, int depth)
{
	if (!strcmp(key, "proxy")) {
		if (!r->proxy)
			r->proxy = xstrdup(value);
		return;
	}
	if (r->depth < depth) {
		r->depth = depth;
		r->nearer_behavior = r->behavior;
		r->nearer_text = strlen(r->text);
	}
	if (!strcmp(key, "behavior"))
		file_rule_behave(r, value);
	else
		file_rule_say(r, key, value);
}

/* [proxy:NAME]: its own words. */
static bool file_proxy_take(struct flags *flags, const struct ini_line *line, char error[ERROR_MAX])
{
	struct flag *f = flags_own(flags, line->key);
	struct proxy_config *p = flags_proxy(flags, line->section + 6);

	if (f)
		return proxy_config_set(p, f, 2 + line->depth, line->value, error);
	warn_later(flags, "%s:%d: unknown key '%s' in section [%s]", line->file, line->line, line->key, line->section);
	return true;
}

static bool file_take(void *user, const struct ini_line *line, char error[ERROR_MAX])
{
	struct flags *flags = user;
	bool behavior, own = !strcmp(line->section, "vaurien");
	const char *guest = flags_section_guest(line->section, &behavior);
	bool callable = guest && !strcmp(line->key, "callable");

	if (!strncmp(line->section, "rule", 4) && line->section[4] && strchr(":.", line->section[4])) {
		file_rule_take(file_rule(flags, line->section + 5), line->key, line->value, line->depth);
		return true;
	}
	if (!strncmp(line->section, "proxy", 5) && line->section[5] && strchr(":.", line->section[5]))
		return file_proxy_take(flags, line, error);
	if (callable)                           /* a Python object: there is nobody here to call it */
		warn_later(flags, "callable not found for %s", guest);
	if (guest && !strcmp(line->key, "plugin"))      /* loaded before there were flags */
		return true;
	if (guest && !(behavior ? (void *)behavior_find(guest) : (void *)protocol_find(guest))) {
		unknown_section_note(flags, line->section, callable);
		return true;
	}
	struct flag *f = flag_find(flags, own ? "" : line->section, line->key);
	if (f && f->group != GROUP_GENERAL)
		return flag_set(f, line->value, 2 + line->depth, error);
	if (!callable)
		warn_later(flags, "%s:%d: unknown key '%s' in section [%s]", line->file, line->line, line->key, line->section);
	return true;
}

int flags_read_file(struct flags *flags, const char *path)
{
	int code = ini_read(path, file_take, flags);

	for (struct unknown_section *s = flags->unknown_sections; code == -1 && s; s = s->next)
		if (!s->callable)
			code = value_error("[%s]: expected the name of a %.8s that --list shows, got '%s'",
			                   s->name, s->name, s->name + 9);
	return code;
}
