/* topology.h - fields of a proxy whose server tells clients the addresses of servers.
 *
 * Servers of a cluster name its members in their answers. A client that goes there goes round the
 * proxies. These fields say what becomes of such an address: engine/address_map.h. */
#ifndef SPEC_TOPOLOGY_H
#define SPEC_TOPOLOGY_H

#include <jansson.h>

#include "net/address.h"
#include "spec/option.h"

struct topology_fields {
	const char *known_as;           /* addresses, with blanks or commas between; NULL: none */
	const char *topology;           /* one of topology_ways */
	const char *unmapped;           /* one of topology_unmapped */
};

extern const struct vn_opt topology_options[];
extern const char *const topology_ways[];       /* rewrite, hide, pass */
extern const char *const topology_unmapped[];   /* pass, add, hide */

/* All of them have their defaults. */
void topology_init(struct opt_values *);

/* Is it a list of addresses with a port, or of unix paths? False: `bad` has what is none. */
#define TOPOLOGY_KNOWN "HOST:PORT with a port above 0"
bool topology_known_check(const char *known_as, char bad[ADDRESS_KEY_MAX]);

/* The next address of the list; *at is behind it then. False: there is none. It has no 0 at its
 * end. */
bool topology_known_next(const char **at, const char **address, size_t *n);

/* The fields among the keys of a proxy's JSON; the other keys are not looked at. False: `error`
 * names the key. */
bool topology_set_json(struct opt_values *, const json_t *object, char error[ERROR_MAX]);

/* Adds those that differ from their defaults. */
void topology_to_json(const struct opt_values *, json_t *object);

#endif
