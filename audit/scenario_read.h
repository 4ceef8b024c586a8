/* scenario_read.h - reads scenarios from INI files, see scenarios_read() in scenario.h. */
#ifndef AUDIT_SCENARIO_READ_H
#define AUDIT_SCENARIO_READ_H

#include "audit/scenario.h"

/* Append those of a text that is built in; it has no mistakes. */
void scenarios_read_built_in(struct scenarios *, const char *name, const char *text);

#endif
