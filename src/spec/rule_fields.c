/* rule_fields.c - the options that every rule has beside those of its behavior, and their table. */
#include "spec/rule_fields.h"

#include <stddef.h>
#include <string.h>

const char *const rule_directions[] = { "own", "request", "response", "both", NULL };
static const char *const pers[] = { "own", "exchange", "connection", NULL };
static const char *const shares[] = { "connection", "proxy", NULL };
static const char *const ages[] = { "all", "open", "new", NULL };

const struct rule_kind rule_kinds[] = {
	{ "reads", VN_IS_READ },
	{ "writes", VN_IS_WRITE },
	{ "begins", VN_IS_BEGIN },
	{ "commits", VN_IS_COMMIT },
	{ "logins", VN_IS_LOGIN },
	{ "commands", VN_IS_COMMAND },
	{ 0 }
};

#define FIELD(field_, type_, ...) \
	{ .name = #field_, .type = type_, .offset = offsetof(struct rule_fields, field_), \
	  __VA_ARGS__ }

const struct vn_opt rule_options[] = {
	FIELD(match, VN_OPT_TEXT,
		.help = "Only exchanges whose request this regular expression (PCRE2) finds; it is "
		        "searched in \"VERB subject\""),
	FIELD(kind, VN_OPT_TEXT,
		.help = "Only requests of these kinds, a list of reads, writes, begins, commits, "
		        "logins, commands"),
	FIELD(client, VN_OPT_TEXT,
		.help = "Only clients with this address, or in this network such as 10.0.0.0/8"),
	FIELD(connections, VN_OPT_CHOICE, .def = "all", .choices = ages,
		.help = "Only connections that were open when the rule was set, or only those "
		        "opened later (new)"),
	FIELD(direction, VN_OPT_CHOICE, .def = "own", .choices = rule_directions,
		.help = "Requests or responses; own: the default of the behavior"),
	FIELD(probability, VN_OPT_REAL, .def = "1", .max = 1,
		.help = "Share of the exchanges or connections that is drawn"),
	FIELD(per, VN_OPT_CHOICE, .def = "own", .choices = pers,
		.help = "Unit that is drawn and counted; own: exchange if the rule has a match, "
		        "else the default of the behavior"),
	FIELD(share, VN_OPT_CHOICE, .def = "connection", .choices = shares,
		.help = "Owner of the bandwidth: each connection, or all connections of the proxy "
		        "together"),
	FIELD(skip, VN_OPT_INT, .def = "0",
		.help = "Let the first N pass that the rule would change"),
	FIELD(times, VN_OPT_INT, .def = "0",
		.help = "Apply to at most N; 0: no limit"),
	FIELD(every, VN_OPT_INT, .def = "1", .min = 1, .max = 1e15,
		.help = "Apply to every Nth only"),
	FIELD(ttl, VN_OPT_TIME, .def = "0", .unit = VN_S,
		.help = "Time after which the rule removes itself; 0: never"),
	FIELD(enabled, VN_OPT_BOOL, .def = "true",
		.help = "The rule is on; false: it affects nothing, and keeps its counts"),
	{ 0 }
};

bool rule_kinds_read(const char *list, unsigned *is, const char **from, size_t *n)
{
	const struct rule_kind *k;

	*is = 0;
	for (*from = list;; *from += *n + 1) {
		*n = strcspn(*from, ",");
		for (k = rule_kinds; k->name; k++)
			if (strlen(k->name) == *n && !memcmp(k->name, *from, *n))
				break;
		if (!k->name)
			return false;
		*is |= k->is;
		if (!(*from)[*n])
			return true;
	}
}

bool rule_key_is_reserved(const char *key)
{
	static const char *const keys[] = {
		"name", "behavior", "options", "seen", "hits", "unreachable", "last_hit", "as_rule",
		"warning", NULL
	};
	size_t i = 0;

	while (keys[i] && strcmp(keys[i], key))
		i++;
	return keys[i];
}
