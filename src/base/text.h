/* text.h - small work on texts: sentences of errors, UTF-8, words of a line, whole files. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { ERROR_MAX = 256 };               /* room for one error sentence, its end included */

/* Write a sentence. It is cut between two characters of UTF-8, as JSON needs it. */
void error_format(char error[ERROR_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* printf to the end of a text in `size` bytes of room; cut to fit. */
void text_add(char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A list of names in a sentence: "a, b, c". It ends at a whole name; name_list_end() then adds
 * ", and 12 more; see SEE". The room must be at least 80 bytes more than the first name needs. */
struct name_list {
	char *text;                     /* empty at first */
	size_t size;
	unsigned left;                  /* names that had no room */
};

void name_list_add(struct name_list *, const char *name);
void name_list_end(struct name_list *, const char *see);

/* A user's text as a sentence may repeat it: cut to fit, control characters as "?". */
const char *text_printable(const char *text, char *buffer, size_t size);

/* What could forge a line or drive a terminal becomes '?', a byte for a byte: control characters,
 * also C1 (U+0080 to U+009F), and bytes that are not UTF-8. */
void text_clean(char *text, size_t n);

/* How many bytes the first character has; 0: it is not UTF-8, or the end. */
size_t utf8_length(const char *text);

/* The next word of a line such as key=value, without its quotes; the caller frees it. NULL: there
 * is none, or (then `error` is set) a quote is open. */
char *word_next(const char **at, char error[ERROR_MAX]);

/* y yes 1 on true | n no 0 off false, any case */
bool text_to_bool(const char *text, bool *value);

#endif
