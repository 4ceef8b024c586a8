/* rule_body.h - a rule from a JSON object, as POST /rules takes it:
 *
 *	{"behavior": "delay", "name": "slow", "sleep": "300ms", "match": "^GET"}
 *
 * Options and fields are keys of the object, or of its object "options". */
#ifndef SPEC_RULE_BODY_H
#define SPEC_RULE_BODY_H

#include <jansson.h>

#include "base/text.h"
#include "spec/spec.h"

/* What is wrong with a body, and with which key of it. `key` is valid until the next call. */
struct rule_mistake { const char *key; char error[ERROR_MAX]; };

/* All options and fields of a body, a new reference. NULL: *m is set. */
json_t *rule_body_options(const json_t *body, struct rule_mistake *m);

/* A copy of the spec with the rule of the body added. *name gets a new reference to its name: as
 * the body has it, or its behavior with a number. NULL: *m is set, and *name is not. */
struct spec *spec_with_rule_body(const struct spec *, const json_t *body, json_t *name[1],
                                 struct rule_mistake *m);

#endif
