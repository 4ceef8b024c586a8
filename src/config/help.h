/* help.h - --help and --list, as text made from the tables of flags and guests. */
#ifndef CONFIG_HELP_H
#define CONFIG_HELP_H

#include <stdio.h>

#include "base/suggest.h"
#include "config/flags.h"

void help_print(FILE *, const struct flags *);        /* all flags */

/* The flag of this name, with or without dashes; the flags of a group, as "run" or "statsd".
 * False: there is none, and nothing is written. */
bool help_flag_one(FILE *, const struct flags *, const char *name);
bool help_group_one(FILE *, const struct flags *, const char *name);

void help_list(FILE *);                 /* behaviors, protocols and failures with their options */

/* "behaviors", "protocols", "failures", "rules", or the name of one; a failure is shown for each
 * protocol. False: there is no such name, and nothing is written. */
bool help_list_one(FILE *, const char *name);
const char *help_list_suggest(const char *word, char buffer[SUGGEST_MAX]);

/* The same, and the names of flags. */
const char *help_flag_suggest(const struct flags *, const char *word, char buffer[SUGGEST_MAX]);

/* Print text and a newline. The text begins in column `at`; a line ends before column 100, and the
 * next one begins at `indent`. */
void print_wrapped(FILE *, const char *text, size_t at, size_t indent);

#endif
