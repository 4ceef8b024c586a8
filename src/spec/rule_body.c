/* rule_body.c - a rule from a JSON object, as POST /rules takes it. */
#include "spec/rule_body.h"

#include <stdlib.h>
#include <string.h>

#include "spec/registry.h"
#include "spec/rule_check.h"
#include "spec/rule_fields.h"
#include "spec/rule_tls.h"

/* All options of a body: its own keys, and those of its "options". NULL: *m is set. */
json_t *rule_body_options(const json_t *body, struct rule_mistake *m)
{
	const json_t *nested = json_object_get(body, "options");
	json_t *all = json_object(), *value;
	const char *key;

	if (nested && !json_is_object(nested)) {
		m->key = "options";
		error_format(m->error, "options: expected an object");
		json_decref(all);
		return NULL;
	}
	json_object_update(all, (json_t *)nested);
	json_object_foreach((json_t *)body, key, value)
		if (!rule_key_is_reserved(key))
			json_object_set(all, key, value);
	return all;
}

static bool options_set(struct rule_spec *rule, const struct spec *on, const json_t *body,
                        struct rule_mistake *m)
{
	json_t *options = rule_body_options(body, m), *value;
	const char *key;
	bool good = options;

	json_object_foreach(options, key, value)
		if (good)
			good = rule_set(rule, key, value, &m->key, m->error);
	json_decref(options);
	return good && rule_finish(rule, on, &m->key, m->error) &&
	       rule_check_tls(rule, on, &m->key, m->error);
}

/* The body's "name", else its behavior's with a number if that is taken. A new reference;
 * NULL: *m is set. */
static json_t *body_name(const struct spec *on, const json_t *body, const struct vn_behavior *b,
                         struct rule_mistake *m)
{
	json_t *name = json_object_get(body, "name");

	if (!name) {
		char *unused = spec_unused_rule_name(on, b);
		name = json_string(unused);
		free(unused);
		return name;
	}
	if (json_string_length(name) && strlen(json_string_value(name)) == json_string_length(name))
		return json_incref(name);
	m->key = "name";
	error_format(m->error, "name: expected a text");
	return NULL;
}

static const struct vn_behavior *body_behavior(const json_t *body, struct rule_mistake *m)
{
	const char *name = json_string_value(json_object_get(body, "behavior"));
	const struct vn_behavior *b = name ? behavior_find(name) : NULL;
	char shown[64], meant[SUGGEST_MAX];

	m->key = "behavior";
	if (!b)
		error_format(m->error,
		             "behavior: expected one that GET /behaviors shows, got '%s'%s",
		             text_printable(name ? name : "", shown, sizeof shown),
		             behavior_suggest(name ? name : "", meant));
	return b;
}

/* The proxy with the body's rule added. *name gets a new reference. NULL: *m is set, and *name
 * is not. */
struct spec *spec_with_rule_body(const struct spec *on, const json_t *body, json_t *name[1],
                                 struct rule_mistake *m)
{
	struct rule_spec rule;
	struct spec *to = NULL;
	const struct vn_behavior *b = body_behavior(body, m);

	if (!b || !(name[0] = body_name(on, body, b, m)))
		return NULL;
	rule_init(&rule, json_string_value(name[0]), b, on->defaults);
	if (options_set(&rule, on, body, m)) {
		m->key = "name";
		to = spec_add_rule(on, &rule, m->error);
	}
	if (to)
		return to;
	rule_free(&rule);
	json_decref(name[0]);
	return NULL;
}
