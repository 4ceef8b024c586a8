/* rules.c - the rules of a proxy by the API: listed, added, changed in place, taken away, or replaced all together. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spec/registry.h"
#include "api/server.h"

struct trouble { const char *culprit; char error[ERROR_MAX]; };

static struct spec *request_spec(struct request *r)
{
	return proxy_spec(request_proxy(r));
}

static void refuse(struct request *r, const struct trouble *t)
{
	request_error(r, 400, "body", t->culprit, t->error);
}

/* The rule that the path names. NULL: refused. */
static const struct rule_spec *rule_named(struct request *r)
{
	const struct rule_spec *rule = spec_rule(request_spec(r), request_param(r, 0));

	if (!rule)
		request_error(r, 404, "url", "rule", "there is no rule of that name");
	return rule;
}

static void become(struct request *r, struct spec *to, const char *name, const char *what, json_t *answer)
{
	log_info("proxy=%s rule=%s is %s", to->name, name, what);
	request_change(r, request_proxy(r), to, 200, answer);
}

/* ---- from JSON ---- */

/* What GET shows of a rule beside its options. */
static bool shown_only(const char *key)
{
	static const char *const keys[] = { "name", "behavior", "options", "seen", "hits", "unreachable", NULL };
	size_t i = 0;

	while (keys[i] && strcmp(keys[i], key))
		i++;
	return keys[i];
}

/* All options of a body: they stand in it, or in its "options". NULL: refused. */
static json_t *options_of(const json_t *body, struct trouble *t)
{
	const json_t *nested = json_object_get(body, "options");
	json_t *all = json_object(), *value;
	const char *key;

	if (nested && !json_is_object(nested)) {
		t->culprit = "options";
		error_format(t->error, "options: expected an object");
		json_decref(all);
		return NULL;
	}
	json_object_update(all, (json_t *)nested);
	json_object_foreach((json_t *)body, key, value)
		if (!shown_only(key))
			json_object_set(all, key, value);
	return all;
}

static bool options_set(struct rule_spec *rule, const struct spec *on, const json_t *body, struct trouble *t)
{
	json_t *options = options_of(body, t), *value;
	const char *key;
	bool good = options;

	json_object_foreach(options, key, value)
		if (good)
			good = rule_set(rule, key, value, &t->culprit, t->error);
	json_decref(options);
	return good && rule_finish(rule, on->protocol, &t->culprit, t->error);
}

/* Without one of its own it is called after its behavior. */
static json_t *name_of(const struct spec *on, const json_t *body, const struct vn_behavior *b, struct trouble *t)
{
	json_t *name = json_object_get(body, "name");

	if (!name) {
		name = json_string(b->name);
		for (unsigned n = 2; spec_rule(on, json_string_value(name)); n++) {
			json_decref(name);
			name = json_sprintf("%s-%u", b->name, n);
		}
		return name;
	}
	if (json_string_length(name) && strlen(json_string_value(name)) == json_string_length(name))
		return json_incref(name);
	t->culprit = "name";
	error_format(t->error, "name: expected a text");
	return NULL;
}

static const struct vn_behavior *behavior_of(const json_t *body, struct trouble *t)
{
	const char *name = json_string_value(json_object_get(body, "behavior"));
	const struct vn_behavior *b = name ? behavior_find(name) : NULL;
	char shown[64];

	t->culprit = "behavior";
	if (!b)
		error_format(t->error, "behavior: expected one that GET /behaviors shows, got '%s'", text_printable(name ? name : "", shown, sizeof shown));
	return b;
}

/* The proxy with a rule more, whose name is left in *name. NULL: refused. */
static struct spec *rule_more(const struct spec *on, const json_t *body, json_t *name[1], struct trouble *t)
{
	struct rule_spec rule;
	struct spec *to = NULL;
	const struct vn_behavior *b = behavior_of(body, t);

	if (!b || !(name[0] = name_of(on, body, b, t)))
		return NULL;
	rule_init(&rule, json_string_value(name[0]), b, on->defaults);
	if (options_set(&rule, on, body, t)) {
		t->culprit = "name";
		to = spec_add_rule(on, &rule, t->error);
	}
	if (to)
		return to;
	rule_free(&rule);
	json_decref(name[0]);
	return NULL;
}

/* ---- one ---- */

static void get_rules(struct request *r)
{
	request_answer(r, 200, json_pack("{s:o}", "rules", spec_rules_json(request_spec(r))));
}

static void get_rule(struct request *r)
{
	const struct rule_spec *rule = rule_named(r);

	if (rule)
		request_answer(r, 200, rule_json(rule));
}

static void post_rule(struct request *r)
{
	json_t *body = request_object(r), *name[1];
	struct trouble t;

	if (!body)
		return;
	struct spec *to = rule_more(request_spec(r), body, name, &t);
	json_decref(body);
	if (!to) {
		refuse(r, &t);
		return;
	}
	become(r, to, json_string_value(name[0]), "set", rule_json(spec_rule(to, json_string_value(name[0]))));
	json_decref(name[0]);
}

static void put_rule(struct request *r)
{
	const struct rule_spec *rule = rule_named(r);
	json_t *body = rule ? request_object(r) : NULL;
	struct trouble t;

	if (!body)
		return;
	json_t *options = options_of(body, &t);
	struct spec *to = options ? spec_with_rule_changed(request_spec(r), rule->name, options, &t.culprit, t.error) : NULL;
	json_decref(options);
	json_decref(body);
	if (to)
		become(r, to, request_param(r, 0), "changed", rule_json(spec_rule(to, request_param(r, 0))));
	else
		refuse(r, &t);
}

static void delete_rule(struct request *r)
{
	if (rule_named(r))
		become(r, spec_without_rule(request_spec(r), request_param(r, 0)), request_param(r, 0), "taken away", json_pack("{s:s}", "status", "ok"));
}

/* ---- all ---- */

/* The rule as it is now, if the new one is that in the same words: it keeps what it has met. */
static struct spec *keep_old(struct spec *to, const struct spec *from)
{
	struct rule_spec *now = &to->rules[to->n_rules - 1];
	const struct rule_spec *was = spec_rule(from, now->name);

	if (was && rule_same(was, now)) {
		rule_free(now);
		rule_copy(now, was);
	}
	return to;
}

/* The group of PUT /behavior is not concerned. Takes nothing over; NULL: refused. */
static struct spec *rules_replaced(const struct spec *from, const json_t *rules, struct trouble *t)
{
	struct spec *to = spec_without_others(from, "behavior"), *next;
	const json_t *body, *called;
	size_t i;

	json_array_foreach(rules, i, body) {
		json_t *name[1];
		called = json_object_get(body, "name");
		if (called && json_is_string(called) && !strcmp(json_string_value(called), "behavior"))
			continue;
		next = rule_more(to, body, name, t);
		spec_unref(to);
		if (!next)
			return NULL;
		json_decref(name[0]);
		to = keep_old(next, from);
	}
	return to;
}

static void put_rules(struct request *r)
{
	json_t *body = request_object(r), *rules = json_object_get(body, "rules");
	struct trouble t;
	struct spec *to = NULL;

	if (!body)
		return;
	if (!json_is_array(rules))
		request_error(r, 400, "body", "rules", "rules: expected an array");
	else if (!(to = rules_replaced(request_spec(r), rules, &t)))
		refuse(r, &t);
	json_decref(body);
	if (!to)
		return;
	log_info("proxy=%s has other rules", to->name);
	request_change(r, request_proxy(r), to, 200, json_pack("{s:s}", "status", "ok"));
}

static const struct route routes[] = {
	{ "GET",    "/rules",    get_rules,   true },
	{ "PUT",    "/rules",    put_rules,   true },
	{ "POST",   "/rules",    post_rule,   true },
	{ "GET",    "/rules/{}", get_rule,    true },
	{ "PUT",    "/rules/{}", put_rule,    true },
	{ "DELETE", "/rules/{}", delete_rule, true },
	{ NULL },
};

DIALECT(rules, .routes = routes)
