/* text.h - text helpers: error sentences, safe printing, UTF-8, words of a line. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { ERROR_MAX = 1024 };              /* bytes of an error sentence, with its NUL */

/* Formats an error sentence. If it is too long, it ends with a whole UTF-8 character: JSON needs
 * that. */
void error_format(char error[ERROR_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends to the text in a buffer of `size` bytes, and truncates to fit. */
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

/* Replaces bytes that could forge a log line or control a terminal by '?', one for one. These are
 * control characters, with C1 (U+0080 to U+009F), and bytes that are not UTF-8. */
void text_clean(char *text, size_t n);

/* The number of bytes of the first character. 0: it is not UTF-8, or the text is empty. */
size_t utf8_length(const char *text);

/* Returns the next word of a line such as key="a value", without its quotes. The caller frees it,
 * and *at moves behind the word. NULL: no word is left. NULL with `error` set: a quote is open. */
char *word_next(const char **at, char error[ERROR_MAX]);

/* Reads y yes 1 on true, n no 0 off false, in any case. False: it is none of these. */
bool text_to_bool(const char *text, bool *value);

#endif
