/* flags_file.h - the flags in an INI file, and its sections [rule:NAME] and [proxy:NAME]. */
#ifndef CONFIG_FLAGS_FILE_H
#define CONFIG_FLAGS_FILE_H

#include "config/flags.h"

/* -1: all is read into `flags`. Else the exit code, and the error is reported. */
int flags_read_file(struct flags *, const char *path);

/* The guest's name in a section "behavior:NAME" or "protocol:NAME"; NULL: it is another section. */
const char *flags_section_guest(const char *section, bool *behavior);

#endif
