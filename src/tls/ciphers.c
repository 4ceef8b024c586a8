/* ciphers.c - lists of ciphers as OpenSSL has them, and suites of TLS 1.3 among them. */
#include "tls/ciphers.h"

#include <string.h>

/* Appends a word with a colon before it. */
static void word_put(char *to, const char *word, size_t n)
{
	size_t had = strlen(to);

	if (had)
		to[had++] = ':';
	memcpy(to + had, word, n);
	to[had + n] = 0;
}

bool tls_ciphers_split(const char *list, char *old, char *suites, size_t room)
{
	*old = *suites = 0;
	if (strlen(list) + 2 > room)
		return false;
	for (size_t n; *list; list += n) {
		list += strspn(list, ":, ");
		n = strcspn(list, ":, ");
		if (n)
			word_put(strncmp(list, "TLS_", 4) ? old : suites, list, n);
	}
	return true;
}
