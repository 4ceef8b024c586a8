/* rules.c - the routes of a proxy's rules: list, add, change in place, remove, replace all. */
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "api/warning.h"
#include "base/log.h"
#include "spec/rule_body.h"
#include "spec/rule_json.h"

static void refuse(struct request *r, const struct rule_mistake *m)
{
	request_error(r, 400, "body", m->key, m->error);
}

/* The rule of /rules/{}. NULL: a 404 was sent. */
static const struct rule_spec *path_rule(struct request *r)
{
	const struct rule_spec *rule = spec_rule(request_spec(r), request_param(r, 0));

	if (!rule)
		request_error(r, 404, "url", "rule", "there is no rule of that name");
	return rule;
}

/* Change the proxy, and log what was done to the rule `name`; NULL: nothing. Takes both
 * references. */
static void rule_change(struct request *r, struct spec *to, const char *name, const char *what,
                        json_t *answer)
{
	if (what && !request_checks_only(r))
		log_info("proxy=%s rule=%s is %s", to->name, name, what);
	rules_warn(request_proxy(r), to, name, answer, !request_checks_only(r));
	request_change(r, request_proxy(r), to, 200, answer);
}

/* ---- one ---- */

static void get_rules(struct request *r)
{
	request_answer(r, 200, json_pack("{s:o}", "rules", spec_rules_json(request_spec(r))));
}

static void get_rule(struct request *r)
{
	const struct rule_spec *rule = path_rule(r);

	if (rule)
		request_answer(r, 200, rule_json(rule));
}

static void post_rule(struct request *r)
{
	json_t *body = request_object(r), *name[1];
	struct rule_mistake m;

	if (!body)
		return;
	struct spec *to = spec_with_rule_body(request_spec(r), body, name, &m);
	json_decref(body);
	if (!to) {
		refuse(r, &m);
		return;
	}
	const char *text = json_string_value(name[0]);
	rule_change(r, to, text, "set", rule_json(spec_rule(to, text)));
	json_decref(name[0]);
}

/* The rules of PUT /behavior are changed as a whole, but {"enabled": false} switches them off and
 * {"enabled": true} on again. False: the body is another one. */
static bool switch_behavior(struct request *r, const char *name, const json_t *options)
{
	const json_t *enabled = json_object_get(options, "enabled");

	if (strcmp(name, RULE_GROUP) || !json_is_boolean(enabled) ||
	    json_object_size(options) != 1)
		return false;
	struct spec *to = spec_with_rules_enabled(request_spec(r), name, json_is_true(enabled));
	rule_change(r, to ? to : spec_ref(request_spec(r)), name, "changed",
	            json_pack("{s:s}", "status", "ok"));
	return true;
}

/* A lease that is renewed every few seconds would fill the log. */
static bool only_prolongs(const struct rule_spec *rule, const json_t *options)
{
	return rule->until != VN_NEVER && json_object_size(options) == 1
	    && json_object_get(options, "ttl");
}

static void put_rule(struct request *r)
{
	const struct rule_spec *rule = path_rule(r);
	const char *name = request_param(r, 0);
	json_t *body = rule ? request_object(r) : NULL;
	struct spec *to = NULL;
	struct rule_mistake m;

	if (!body)
		return;
	json_t *options = rule_body_options(body, &m);
	bool renews = options && only_prolongs(rule, options);
	bool switched = options && switch_behavior(r, name, options);   /* `rule` may be gone now */
	if (options && !switched)
		to = spec_with_rule_changed(request_spec(r), name, options, &m.key, m.error);
	json_decref(options);
	json_decref(body);
	if (switched)
		return;
	if (to)
		rule_change(r, to, name, renews ? NULL : "changed", rule_json(spec_rule(to, name)));
	else
		refuse(r, &m);
}

static void delete_rule(struct request *r)
{
	const char *name = request_param(r, 0);

	if (path_rule(r))
		rule_change(r, spec_without_rule(request_spec(r), name), name, "removed",
		            json_pack("{s:s}", "status", "ok"));
}

/* ---- all ---- */

/* If the last rule of `to` is the same as in `from`, use that: it keeps its counters and what
 * it holds. Its ttl begins anew. */
static struct spec *keep_same(struct spec *to, const struct spec *from)
{
	struct rule_spec *now = &to->rules[to->n_rules - 1];
	const struct rule_spec *was = spec_rule(from, now->name);

	if (was && rule_same_but_ttl(was, now))
		rule_prolong(now, was);
	return to;
}

/* The rule that PUT /behavior sets: it is not among those replaced, though GET /rules shows it. */
static bool is_behavior(const json_t *body)
{
	const char *name = json_string_value(json_object_get(body, "name"));

	return name && !strcmp(name, "behavior");
}

/* The proxy with these rules instead of its own. NULL: *m is set. */
static struct spec *replace_rules(const struct spec *from, const json_t *rules,
                                  struct rule_mistake *m)
{
	struct spec *to = spec_without_others(from, "behavior"), *next;
	const json_t *body;
	size_t i;

	json_array_foreach(rules, i, body) {
		json_t *name[1];
		if (is_behavior(body))
			continue;
		next = spec_with_rule_body(to, body, name, m);
		spec_unref(to);
		if (!next)
			return NULL;
		json_decref(name[0]);
		to = keep_same(next, from);
	}
	return to;
}

static void put_rules(struct request *r)
{
	json_t *body = request_object(r), *rules = json_object_get(body, "rules");
	struct rule_mistake m;
	struct spec *to = NULL;

	if (!body)
		return;
	if (!json_is_array(rules))
		request_error(r, 400, "body", "rules", "rules: expected an array");
	else if (!(to = replace_rules(request_spec(r), rules, &m)))
		refuse(r, &m);
	json_decref(body);
	if (!to)
		return;
	if (!request_checks_only(r))
		log_info("proxy=%s has other rules", to->name);
	json_t *answer = json_pack("{s:s}", "status", "ok");
	rules_warn(request_proxy(r), to, NULL, answer, !request_checks_only(r));
	request_change(r, request_proxy(r), to, 200, answer);
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
