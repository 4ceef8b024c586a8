/* schema.c - behaviors, protocols, failures and fields of rules as JSON, for forms and tools. */
#include "spec/schema.h"

#include <string.h>

#include "base/json.h"
#include "spec/behavior_group.h"
#include "spec/failure.h"
#include "spec/option_help.h"
#include "spec/option_json.h"
#include "spec/registry.h"
#include "spec/rule_fields.h"

/* ---- options ---- */

static const char *const types[] = {
	[VN_OPT_BOOL] = "bool", [VN_OPT_INT] = "int", [VN_OPT_REAL] = "real",
	[VN_OPT_TIME] = "time", [VN_OPT_TEXT] = "text", [VN_OPT_CHOICE] = "choice",
	[VN_OPT_FAILURE] = "failure", [VN_OPT_TABLE] = "table",
};

static json_t *text_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

/* "ms"; null: the option has no unit. */
static json_t *unit_json(const struct vn_opt *o)
{
	static const struct { vn_nsec unit; const char *name; } names[] = {
		{ 1, "ns" }, { VN_US, "us" }, { VN_MS, "ms" }, { VN_S, "s" },
		{ 60 * VN_S, "m" }, { 3600 * VN_S, "h" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((o->type == VN_OPT_TIME || o->type == VN_OPT_TABLE) && names[i].unit == o->unit)
			return json_string(names[i].name);
	return json_null();
}

static void bounds_put(json_t *to, const struct vn_opt *o)
{
	bool number = o->type == VN_OPT_INT || o->type == VN_OPT_REAL || o->type == VN_OPT_TIME;

	json_object_set_new(to, "min", number ? json_real(o->min) : json_null());
	json_object_set_new(to, "max",
	                    number && !opt_unbounded(o) ? json_real(o->max) : json_null());
}

static json_t *choices_json(const struct vn_opt *o)
{
	json_t *all = o->type == VN_OPT_CHOICE ? json_array() : json_null();

	for (size_t i = 0; o->type == VN_OPT_CHOICE && o->choices[i]; i++)
		json_array_append_new(all, json_string(o->choices[i]));
	return all;
}

/* `values`: the table's defaults. */
static json_t *option_json(const struct opt_values *values, const struct vn_opt *o)
{
	char expects[ERROR_MAX];

	opt_expect(o, expects, sizeof expects);
	json_t *made = json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o}", "name", o->name,
	                         "type", types[o->type], "unit", unit_json(o),
	                         "default", opt_to_json(values, o), "expects", expects,
	                         "help", json_text(o->help ? o->help : ""),
	                         "choices", choices_json(o));
	bounds_put(made, o);
	return made;
}

static json_t *options_json(const struct vn_opt *options, size_t size)
{
	json_t *all = json_array();
	struct opt_values defaults;

	opt_values_init(&defaults, options, size);
	for (const struct vn_opt *o = options; o && o->name; o++)
		if (o->type != VN_OPT_INERT)
			json_array_append_new(all, option_json(&defaults, o));
	opt_values_free(&defaults);
	return all;
}

/* ---- guests ---- */

static const char *group_name(const struct vn_behavior *b)
{
	const struct behavior_group *g = behavior_groups;

	while (g->name && g->group != b->group)
		g++;
	return g->name ? g->name : "others";
}

/* It acts on exchanges, so that its rules can have a match. */
static bool has_match(const struct vn_behavior *b)
{
	return b->on & (VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA | VN_ON_REST);
}

static json_t *behavior_json(const struct vn_behavior *b)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:o}",
	                 "name", b->name,
	                 "group", group_name(b), "help", json_text(b->help ? b->help : ""),
	                 "sees", text_or_null(b->sees), "example", text_or_null(b->example),
	                 "needs", text_or_null(b->needs), "failure", text_or_null(b->failure),
	                 "has_match", has_match(b),
	                 "has_share", (b->traits & VN_TRAIT_LINE) != 0,
	                 "datagrams", (b->traits & VN_TRAIT_DATAGRAMS) != 0,
	                 "only_datagrams", (b->traits & VN_TRAIT_ONLY_DATAGRAMS) != 0,
	                 "options", options_json(b->options, b->opts_size));
}

static json_t *behaviors_json(void)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	json_t *made = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(made, behavior_json(all[i]));
	return made;
}

static json_t *groups_json(void)
{
	json_t *made = json_array();

	for (const struct behavior_group *g = behavior_groups; g->name; g++)
		json_array_append_new(made, json_pack("{s:s, s:s, s:s}", "name", g->name,
		                                      "title", g->title, "help", g->help));
	return made;
}

static json_t *protocols_json(void)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	json_t *made = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			made, json_pack("{s:s, s:o, s:b, s:o}", "name", all[i]->name,
		                        "help", json_text(all[i]->help ? all[i]->help : ""),
		                        "messages", all[i]->request != NULL,
		                        "options", options_json(all[i]->options,
		                                                all[i]->opts_size)));
	return made;
}

json_t *schema_failures_json(void)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	json_t *made = json_array();

	for (size_t i = 0; i < n; i++)
		for (const struct vn_failure *f = all[i]->failures; f && f->name; f++)
			if (f->moments)
				json_array_append_new(made, failure_json(f, all[i]));
	return made;
}

json_t *schema_json(void)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "behaviors", behaviors_json(),
	                 "groups", groups_json(), "protocols", protocols_json(),
	                 "failures", schema_failures_json(),
	                 "rule_fields", options_json(rule_options, sizeof(struct rule_fields)));
}
