/* toxic.h - a toxic as Toxiproxy's JSON has it, and the rule that it is. */
#ifndef TOXIPROXY_TOXIC_H
#define TOXIPROXY_TOXIC_H

#include "spec/spec.h"
#include "toxiproxy/go_json.h"

struct http_error { unsigned status; char text[GO_ERROR]; };    /* as Toxiproxy replies it */

/* Returns false. */
bool http_error_set(struct http_error *, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The proxy with this toxic added; *name is the toxic's name, to be freed. NULL: refused. */
struct spec *toxic_add(const struct spec *, const json_t *toxic, char *name[1],
                       struct http_error *);

/* The same of one in a list of toxics, such as an export: it may be of the behavior dummy, too. */
struct spec *toxic_add_listed(const struct spec *, const json_t *toxic, struct http_error *);

bool toxic_same(const struct rule_spec *, const struct rule_spec *);    /* ignores ids, counters */

/* The proxy with toxicity, attributes and fields of the toxic changed; missing keys stay. NULL:
 * refused. */
struct spec *toxic_change(const struct spec *, const char *name, const json_t *changes,
                          struct http_error *);

json_t *toxic_json(const struct rule_spec *);   /* new references */
json_t *toxics_json(const struct spec *);       /* all; those of the upstream first */

#endif
