/* schema.h - behaviors, protocols, failures and fields of rules as JSON, for forms and tools.
 *
 * Constant once all guests are registered. Control thread only. */
#ifndef SPEC_SCHEMA_H
#define SPEC_SCHEMA_H

#include <jansson.h>

/* A new reference: {"behaviors": [...], "groups": [...], "protocols": [...], "failures": [...],
 * "rule_fields": [...]}. */
json_t *schema_json(void);

/* The failures of all protocols; each names its protocol. A new reference. */
json_t *schema_failures_json(void);

#endif
