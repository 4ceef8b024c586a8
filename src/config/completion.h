/* completion.h - what can be typed, for shells that complete words. */
#ifndef CONFIG_COMPLETION_H
#define CONFIG_COMPLETION_H

#include <stdio.h>

#include "config/flags.h"

/* A line each, five columns by tabs: "flag", "field" (of rules) or "behavior"; the word; what --help calls its value;
 * the values, if there is a list of them; what it says. "-" is none. */
void completion_list(FILE *, const struct flags *);

#endif
