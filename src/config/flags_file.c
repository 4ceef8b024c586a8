/* flags_file.c - the flags in an INI file, and its sections [rule:NAME] and [proxy:NAME]. */
#include "config/flags_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/error.h"
#include "config/ini.h"
#include "spec/registry.h"

const char *flags_section_guest(const char *section, bool *behavior)
{
	*behavior = !strncmp(section, "behavior", 8);
	if ((*behavior || !strncmp(section, "protocol", 8)) && section[8] &&
	    strchr(":.", section[8]))
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

/* [rule:NAME] is kept as text that --rule takes. */
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

/* Did a nearer file set this key? Quotes in values have a backslash before them, so only keys
 * match. */
static bool nearer_file_has(const struct file_rule *r, const char *key)
{
	char *word = xasprintf(" %s=\"", key);
	const char *at = strstr(r->text, word);
	free(word);
	return at && (size_t)(at - r->text) < r->nearer_text;
}

static void file_rule_set_behavior(struct file_rule *r, const char *value)
{
	if (r->nearer_behavior)
		return;
	free(r->behavior);
	r->behavior = xstrdup(value);
}

static void file_rule_add(struct file_rule *r, const char *key, const char *value)
{
	char *text, *to;

	if (nearer_file_has(r, key))
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

static void file_rule_set(struct file_rule *r, const char *key, const char *value, int depth)
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
		file_rule_set_behavior(r, value);
	else
		file_rule_add(r, key, value);
}

static bool key_unknown(const struct ini_line *line, const char *meant, char error[ERROR_MAX])
{
	char key[48], section[48];

	error_format(error, "unknown key '%s' in section [%s]%s",
	             text_printable(line->key, key, sizeof key),
	             text_printable(line->section, section, sizeof section), meant);
	return false;
}

/* Only the part before ":" is compared: what follows is a name. */
static bool section_unknown(const struct ini_line *line, char error[ERROR_MAX])
{
	static const char *const alone[] = { "vaurien", "statsd", "DEFAULT", NULL };
	static const char *const named[] = { "proxy", "rule", "behavior", "protocol", NULL };
	char shown[40], meant[SUGGEST_MAX] = "", *kind = xstrdup(line->section);
	struct suggestion near = { .word = kind };
	const char *rest = line->section + strcspn(line->section, ":.");

	kind[rest - line->section] = '\0';
	for (const char *const *name = *rest ? named : alone; *name; name++)
		suggest_try(&near, *name);
	if (near.name)
		snprintf(meant, sizeof meant, "; did you mean '%s%.40s'?", near.name, rest);
	error_format(error, "unknown section [%s]; expected one of vaurien, statsd, DEFAULT, "
	             "proxy:NAME, rule:NAME, behavior:NAME, protocol:NAME%s",
	             text_printable(line->section, shown, sizeof shown), meant);
	free(kind);
	return false;
}

/* Keys that Vaurien of 2012 read for some protocols, and that change nothing. */
static bool inert_of_old(const char *key)
{
	static const char *const keys[] = { "keep_alive", "reuse_socket", "buffer", NULL };
	size_t i = 0;

	while (keys[i] && strcmp(keys[i], key))
		i++;
	return keys[i];
}

/* A key that no flag has. */
static bool flag_missing(struct flags *flags, const struct ini_line *line,
                         const char *section, const char *guest, char error[ERROR_MAX])
{
	char meant[SUGGEST_MAX];

	if (!guest && !flags_section_known(flags, section))
		return section_unknown(line, error);
	if (guest && !strncmp(section, "protocol", 8) && inert_of_old(line->key)) {
		flags_warn_later(flags, "%s:%d: '%s' in section [%s] changes nothing", line->file,
		                 line->line, line->key, section);
		return true;
	}
	return key_unknown(line, flags_key_suggest(flags, section, line->key, meant), error);
}

/* One line of [proxy:NAME]. */
static bool file_proxy_set(struct flags *flags, const struct ini_line *line, char error[ERROR_MAX])
{
	struct flag *f = flags_own(flags, line->key);
	struct proxy_config *p = flags_proxy(flags, line->section + 6);
	char meant[SUGGEST_MAX];

	if (f)
		return proxy_config_set(p, f, 2 + line->depth, line->value, error);
	return key_unknown(line, flags_own_suggest(flags, line->key, meant), error);
}

/* Sections that the auditor reads, of a file that both have. */
static bool of_auditor(const char *section)
{
	static const char *const named[] = { "probe:", "scenario:", "phase:", NULL };
	size_t i = 0;

	while (named[i] && strncmp(section, named[i], strlen(named[i])))
		i++;
	return named[i] || !strcmp(section, "audit");
}

static bool line_take(void *user, const struct ini_line *line, char error[ERROR_MAX])
{
	struct flags *flags = user;
	bool behavior, own = !strcmp(line->section, "vaurien");
	const char *guest = flags_section_guest(line->section, &behavior);
	bool callable = guest && !strcmp(line->key, "callable");

	if (of_auditor(line->section))
		return true;
	if (!strncmp(line->section, "rule", 4) && line->section[4] &&
	    strchr(":.", line->section[4])) {
		file_rule_set(file_rule(flags, line->section + 5), line->key, line->value,
		              line->depth);
		return true;
	}
	if (!strncmp(line->section, "proxy", 5) && line->section[5] &&
	    strchr(":.", line->section[5]))
		return file_proxy_set(flags, line, error);
	if (callable)                   /* a class of the Python Vaurien */
		flags_warn_later(flags, "callable not found for %s", guest);
	if (guest && !strcmp(line->key, "plugin"))      /* plugins_read() loaded it */
		return true;
	if (guest && !(behavior ? (void *)behavior_find(guest) : (void *)protocol_find(guest))) {
		unknown_section_note(flags, line->section, callable);
		return true;
	}
	const char *section = own ? "" : line->section;
	struct flag *f = flag_find(flags, section, line->key);
	if (f && f->group != GROUP_GENERAL)
		return flag_set(f, line->value, 2 + line->depth, error);
	return callable || flag_missing(flags, line, section, guest, error);
}

static int guest_unknown(const char *section)
{
	bool behavior;
	const char *guest = flags_section_guest(section, &behavior);
	char meant[SUGGEST_MAX];

	return value_error("[%s]: expected the name of a %.8s that --list shows, got '%s'%s",
	                   section, section, guest,
	                   behavior ? behavior_suggest(guest, meant) :
	                              protocol_suggest(guest, meant));
}

int flags_read_file(struct flags *flags, const char *path)
{
	int code = ini_read(path, line_take, flags);

	for (struct unknown_section *s = flags->unknown_sections; code == -1 && s; s = s->next)
		if (!s->callable)
			code = guest_unknown(s->name);
	return code;
}
