/* topology.c - fields of a proxy whose server tells clients the addresses of servers. */
#include "spec/topology.h"

#include <string.h>

#include "spec/option_json.h"

enum { KNOWN_MAX = 4096 };              /* bytes of the list */

const char *const topology_ways[] = { "rewrite", "hide", "pass", NULL };
const char *const topology_unmapped[] = { "pass", "add", "hide", NULL };

#define FIELD(field_, type_, ...) \
	{ .name = #field_, .type = type_, .offset = offsetof(struct topology_fields, field_), \
	  __VA_ARGS__ }

const struct vn_opt topology_options[] = {
	FIELD(known_as, VN_OPT_TEXT,
		.help = "Addresses by which servers call this backend, with blanks or commas "
		        "between; the backend itself is always known"),
	FIELD(topology, VN_OPT_CHOICE, .def = "rewrite", .choices = topology_ways,
		.help = "What becomes of servers' addresses in answers: the proxy's before them; "
		        "hidden but for this server's own; or left as they are"),
	FIELD(unmapped, VN_OPT_CHOICE, .def = "pass", .choices = topology_unmapped,
		.help = "What becomes of addresses before which there is no proxy: left as they "
		        "are, with a warning; a proxy is added; or hidden"),
	{ 0 }
};

void topology_init(struct opt_values *v)
{
	opt_values_init(v, topology_options, sizeof(struct topology_fields));
}

bool topology_known_next(const char **at, const char **address, size_t *n)
{
	if (!*at)
		return false;
	*address = *at + strspn(*at, " \t,");
	*n = strcspn(*address, " \t,");
	*at = *address + *n;
	return *n > 0;
}

bool topology_known_check(const char *known_as, char bad[ADDRESS_KEY_MAX])
{
	const char *at = known_as, *one;
	char ignored[ERROR_MAX];
	size_t n;

	while (topology_known_next(&at, &one, &n)) {
		struct address a;
		snprintf(bad, ADDRESS_KEY_MAX, "%.*s", (int)(n < 200 ? n : 200), one);
		if (n >= ADDRESS_KEY_MAX || one - known_as > KNOWN_MAX ||
		    !address_parse(&a, bad, ignored, sizeof ignored))
			return false;
		bool good = a.unix_path || (a.port > 0 && a.host[0]);
		address_free(&a);
		if (!good)
			return false;
	}
	return true;
}

bool topology_set_json(struct opt_values *v, const json_t *object, char error[ERROR_MAX])
{
	for (const struct vn_opt *o = topology_options; o->name; o++) {
		const json_t *value = json_object_get(object, o->name);
		if (value && !opt_set_json(v, o, value, error))
			return false;
	}
	char bad[ADDRESS_KEY_MAX], shown[ADDRESS_KEY_MAX];
	if (topology_known_check(((struct topology_fields *)v->opts)->known_as, bad))
		return true;
	error_format(error, "known_as: expected %s, got '%s'", TOPOLOGY_KNOWN,
	             text_printable(bad, shown, sizeof shown));
	return false;
}

void topology_to_json(const struct opt_values *v, json_t *object)
{
	for (const struct vn_opt *o = topology_options; o->name; o++)
		if (!opt_is_default(v, o))
			json_object_set_new(object, o->name, opt_to_json(v, o));
}
