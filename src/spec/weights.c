/* weights.c - "80:delay,20:error" taken apart: behaviors, and the percentage of each. */
#include "spec/weights.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/registry.h"

/* The text from `p` to `end`, without blanks around it. */
static const char *trim(const char *p, const char *end, size_t *n)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	*n = (size_t)(end - p);
	return p;
}

static bool weights_add(struct weights *w, const char *name, size_t n, int percent,
                        char error[ERROR_MAX])
{
	char word[1024], meant[SUGGEST_MAX];
	snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : (int)sizeof word - 1, name);
	if (!strcmp(word, NO_BEHAVIOR))
		return true;
	const struct vn_behavior *b = n < sizeof word ? behavior_find(word) : NULL;
	if (!b) {
		text_printable(word, w->unknown, sizeof w->unknown);
		error_format(error, "the '%s' behavior does not exist%s", w->unknown,
		             behavior_suggest(word, meant));
		return false;
	}
	for (unsigned i = 0; i < w->n; i++)
		if (w->of[i].behavior == b) {
			w->of[i].percent += percent;
			return true;
		}
	if (w->n == RULES_MAX) {
		error_format(error, "name: expected at most %d behaviors", RULES_MAX);
		return false;
	}
	w->of[w->n++] = (struct weight){ b, percent };
	return true;
}

/* "80" without sign or fraction; -1: not that. Above 100: 101, and entry_read() checks the
 * total. */
static int percent_read(const char *p, size_t n)
{
	int percent = 0;
	if (!n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)p[i]))
			return -1;
		percent = percent > 100 ? percent : percent * 10 + (p[i] - '0');
	}
	return percent > 101 ? 101 : percent;
}

/* One "80:delay", from `p` to `end`. */
static bool entry_read(struct weights *w, const char *p, const char *end, int *total,
                       char error[ERROR_MAX])
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	size_t digits, n;

	if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
		error_format(error, "You need to use percentage:name");
		return false;
	}
	const char *number = trim(p, colon, &digits), *name = trim(colon + 1, end, &n);
	int percent = percent_read(number, digits);
	if (percent < 0) {
		char whole[80], shown[64];
		snprintf(whole, sizeof whole, "%.*s", digits < 79 ? (int)digits : 79, number);
		error_format(error, "percentage: expected a whole number from 0 to 100, got '%s'",
		             text_printable(whole, shown, sizeof shown));
		return false;
	}
	*total += percent;
	if (*total > 100)
		*total = 101;           /* so that a long list cannot overflow it */
	return weights_add(w, name, n, percent, error);
}

bool weights_read(struct weights *w, const char *text, char error[ERROR_MAX])
{
	const char *p = text, *comma;
	size_t n;
	int total = 0;

	*w = (struct weights){ .listed = strpbrk(text, ",:") != NULL };
	if (!w->listed) {
		const char *name = trim(text, text + strlen(text), &n);
		return weights_add(w, name, n, 100, error);
	}
	do {
		comma = strchr(p, ',');
		if (!entry_read(w, p, comma ? comma : p + strlen(p), &total, error))
			return false;
		p = comma + 1;
	} while (comma);
	if (total > 100) {
		error_format(error, "The behavior total needs to be 100 or less");
		return false;
	}
	return true;
}

char *weights_show(const struct weights *w, const char *text)
{
	if (!w->n)
		return xstrdup(NO_BEHAVIOR);
	if (w->n == 1 && w->of[0].percent == 100)
		return xstrdup(w->of[0].behavior->name);
	return xstrdup(text);
}
