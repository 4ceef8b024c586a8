/* table.h - the fleet as one value: members, rules, and what became of each where. */
#ifndef FLEET_TABLE_H
#define FLEET_TABLE_H

#include <jansson.h>

/* Each argument: the texts of one folder by name. {"members": [{"name", "labels", "version", "api",
 * "proxies", "applied", "refused"}], "rules": [{"name", "select", "rule", "for", "max_members",
 * "author", "error", "reported", "members", "proxies", "refused", "seen", "hits", "unreachable",
 * "why": {MEMBER/PROXY: SENTENCE}}]}, sorted by name. A text that is not understood counts as
 * empty. */
json_t *fleet_table(const json_t *rules, const json_t *members, const json_t *status);

#endif
