/* completion.h - the list from which shells complete words of the command line. */
#ifndef CONFIG_COMPLETION_H
#define CONFIG_COMPLETION_H

#include <stdio.h>

#include "config/flags.h"

/* One line per word, five columns separated by tabs: "flag", "field" (of rules) or "behavior"; the
 * word; what --help calls its value; all values, where they are a list; the help. "-": none. */
void completion_list(FILE *, const struct flags *);

#endif
