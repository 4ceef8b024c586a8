/* error.h - saying what is wrong with the words that the user gave: one sentence, then an exit code. */
#ifndef CONFIG_ERROR_H
#define CONFIG_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct flag;

int value_error(const char *format, ...) __attribute__((format(printf, 1, 2)));        /* a value that cannot be used: 1 */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));        /* a command line that cannot be understood: how to, and 2 */
int absence_error(const char *file);      /* of a file: 1; in the words, and on the standard output, that scripts know */
int flag_error(const struct flag *, const char *expected, const char *got);             /* a flag's value, as who has set it deserves */

/* Whose words they are from now on, to stand before the sentence: "[proxy:cache]: "; NULL: the program's. */
void error_prefix(const char *whose);

/* From now on sentences are kept, not written: for a program that runs. With NULL they are written again. */
void error_capture(char *sentence, size_t size);
bool error_captured(void);

#endif
