/* rule_parse.c - a rule from the text that --rule and a file's [rule:NAME] give. */
#include "spec/rule_parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/registry.h"
#include "spec/rule_check.h"

static char *text_word(const char **at, char error[ERROR_MAX])
{
	char why[ERROR_MAX] = "", *word = word_next(at, why);

	if (*why)
		error_format(error, "rule: %s", why);
	return word;
}

/* Names are written to log lines, JSON and [rule:NAME] of files, so blanks and ] are refused. */
static bool name_set(struct rule_spec *r, const char *name, char error[ERROR_MAX])
{
	size_t n = strlen(name);
	bool good = n >= 1 && n <= 64;
	char shown[48];

	for (size_t i = 0; good && i < n; i++)
		good = isgraph((unsigned char)name[i]) && name[i] != ']';
	if (!good)
		error_format(error,
		             "name: expected 1 to 64 characters without blanks and ], got '%s'",
		             text_printable(name, shown, sizeof shown));
	else if (!(good = strcmp(name, RULE_GROUP) != 0))
		error_format(error, "rule: the name '%s' is not free", name);
	if (!good)
		return false;
	free(r->name);
	r->name = xstrdup(name);
	return true;
}

static bool option_set(struct rule_spec *r, char *word, char error[ERROR_MAX])
{
	char *equals = strchr(word, '=');

	if (!equals) {
		char shown[48];
		error_format(error, "rule: expected option=value, got '%s'",
		             text_printable(word, shown, sizeof shown));
		return false;
	}
	*equals = 0;
	return strcmp(word, "name") ? rule_set_text(r, word, equals + 1, error) :
	                              name_set(r, equals + 1, error);
}

bool rule_read(struct rule_spec *r, const char *text, const struct spec *on,
               const struct defaults *all, char error[ERROR_MAX])
{
	const char *culprit;
	char *word;
	bool good = true;

	*error = 0;
	word = text_word(&text, error);
	const struct vn_behavior *b = word ? behavior_find(word) : NULL;
	if (!b) {
		char shown[48], meant[SUGGEST_MAX];
		if (!*error)
			error_format(error,
			             "rule: expected the name of a behavior first, got '%s'%s",
			             text_printable(word ? word : "", shown, sizeof shown),
			             behavior_suggest(word ? word : "", meant));
		free(word);
		return false;
	}
	free(word);
	rule_init(r, b->name, b, all);
	while (good && (word = text_word(&text, error))) {
		good = option_set(r, word, error);
		free(word);
	}
	if (good && !*error && rule_finish(r, on, &culprit, error))
		return true;
	rule_free(r);
	return false;
}
