/* error.h - errors of command line and files: one sentence and an exit code.
 *
 * The state is global; only the control thread, or the main thread before it starts, may call. */
#ifndef CONFIG_ERROR_H
#define CONFIG_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A bad value; returns 1. */
int value_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A bad command line: the usage stands before the sentence; returns 2. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A file that cannot be opened, for the reason in errno; returns 1. Scripts of the Python Vaurien
 * rely on the line "Unexistant filename" on the standard output; the error is reported as usual. */
int absence_error(const char *file);

void usage_print(FILE *);               /* the lines of usage */

/* What stands before all sentences from now on, as "[proxy:cache]: "; borrowed; NULL: nothing. */
void error_prefix(const char *prefix);
bool error_prefixed(void);

/* From now on a sentence is stored here, and no usage is written: for a process that runs already.
 * NULL: to the standard error again. */
void error_capture(char *sentence, size_t size);
bool error_captured(void);

#endif
