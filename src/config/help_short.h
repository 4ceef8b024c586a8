/* help_short.h - the first page of --help. */
#ifndef CONFIG_HELP_SHORT_H
#define CONFIG_HELP_SHORT_H

#include <stdio.h>

#include "config/flags.h"

/* At most 45 lines of 80 columns. All flags must be known. */
void help_short_print(FILE *, const struct flags *);

#endif
