/* rule_fields.c - the options that every rule has beside those of its behavior, and their table. */
#include "spec/rule_fields.h"

#include <stddef.h>
#include <string.h>

const char *const rule_directions[] = { "own", "request", "response", "both", NULL };
static const char *const pers[] = { "own", "exchange", "connection", NULL };
static const char *const shares[] = { "connection", "proxy", NULL };

#define FIELD(field_, type_, ...) \
	{ .name = #field_, .type = type_, .offset = offsetof(struct rule_fields, field_), \
	  __VA_ARGS__ }

const struct vn_opt rule_options[] = {
	FIELD(match, VN_OPT_TEXT,
		.help = "Only exchanges whose \"VERB subject\" this regular expression finds "
		        "(PCRE2)"),
	FIELD(client, VN_OPT_TEXT,
		.help = "Only clients of this address or network, such as 10.0.0.0/8"),
	FIELD(direction, VN_OPT_CHOICE, .def = "own", .choices = rule_directions,
		.help = "Requests or responses; own: as the behavior itself has it"),
	FIELD(probability, VN_OPT_REAL, .def = "1", .max = 1,
		.help = "The share that is struck, drawn by the dice"),
	FIELD(per, VN_OPT_CHOICE, .def = "own", .choices = pers,
		.help = "What is drawn and counted; own: as the behavior itself has it"),
	FIELD(share, VN_OPT_CHOICE, .def = "connection", .choices = shares,
		.help = "Who has the bandwidth: each connection for itself, or all connections of "
		        "the proxy together"),
	FIELD(skip, VN_OPT_INT, .def = "0",
		.help = "How many pass first, of those that it would strike"),
	FIELD(times, VN_OPT_INT, .def = "0",
		.help = "How many it strikes at most; 0: no bound"),
	FIELD(every, VN_OPT_INT, .def = "1", .min = 1, .max = 1e15,
		.help = "Strike only every Nth"),
	FIELD(ttl, VN_OPT_TIME, .def = "0", .unit = VN_S,
		.help = "How long until it goes by itself; 0: never"),
	{ 0 }
};

bool rule_key_is_reserved(const char *key)
{
	static const char *const keys[] = {
		"name", "behavior", "options", "seen", "hits", "unreachable", NULL
	};
	size_t i = 0;

	while (keys[i] && strcmp(keys[i], key))
		i++;
	return keys[i];
}
