/* rule_fields.h - the options that every rule has beside those of its behavior, and their table. */
#ifndef SPEC_RULE_FIELDS_H
#define SPEC_RULE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaurien.h"

struct rule_fields {
	bool enabled;                   /* else it strikes nothing, and keeps its counts */
	const char *direction;          /* one of rule_directions */
	double probability;             /* 0 to 1 */
	const char *per;                /* own exchange connection */
	const char *share;              /* connection proxy */
	const char *match;              /* a regular expression on "VERB subject"; NULL: all */
	const char *kind;               /* names in rule_kinds: "reads,commits"; NULL: all */
	const char *client;             /* an address, or a network as 10.0.0.0/8; NULL: all */
	const char *connections;        /* all open new */
	int64_t skip, times, every;     /* times 0: no limit */
	vn_nsec ttl;                    /* 0: the rule stays until it is changed */
};

extern const struct vn_opt rule_options[];      /* ends with a row without a name */
extern const char *const rule_directions[];     /* own request response both NULL */

/* Kinds of requests by name; ends with a row without a name. */
extern const struct rule_kind { const char *name; unsigned is; } rule_kinds[];

/* The VN_IS_... bits of a list such as "reads,commits". False: it has an unknown or empty name,
 * which *from and *n delimit. */
bool rule_kinds_read(const char *list, unsigned *is, const char **from, size_t *n);

/* Keys of a request or a reply that are no options: name, behavior, options, seen ... */
bool rule_key_is_reserved(const char *key);

#endif
