/* json.c - helper functions for jansson. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

json_t *json_text(const char *text)
{
	size_t n = strlen(text);

	/* A truncated sentence may end inside a UTF-8 character, of at most 4 bytes. */
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

json_t *json_seconds(vn_nsec t)
{
	return json_real((double)(t / VN_US) / 1e6);
}

void json_put(FILE *to, json_t *value)
{
	json_dumpf(value, to, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	json_decref(value);
}
