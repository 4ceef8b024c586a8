/* json.c - small helpers over jansson. */
#include "base/json.h"

#include <string.h>

#include "base/memory.h"

json_t *json_text(const char *text)
{
	size_t n = strlen(text);

	/* A sentence that was cut to fit its room may end inside a character. */
	for (size_t cut = 0; cut <= 3 && cut <= n; cut++) {
		json_t *words = json_stringn(text, n - cut);
		if (words)
			return words;
	}
	char *plain = xstrdup(text);
	for (char *p = plain; *p; p++)
		if (*p & 0x80)
			*p = '?';
	json_t *words = json_string(plain);
	free(plain);
	return words;
}
