/* everyone.c - /behavior and /rules without a name, in `vaurien run`: of all proxies, present and
 * future.
 *
 * A change is a function from one spec to another. It is applied to the spec of each proxy, and to
 * what a proxy of each protocol will have from its start: run_settings.future. Where it does not
 * fit, because the protocol lacks a failure, all stays as it is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/run_settings.h"
#include "spec/rule_body.h"
#include "spec/rule_json.h"

/* ---- a change ---- */

struct edit {
	/* NULL: it does not fit, and `mistake` says why. */
	struct spec *(*make)(struct edit *, const struct spec *from);
	void (*note)(const struct edit *, struct control *);    /* it fits somewhere; or NULL */
	const char *name;               /* of a rule, or the behavior; NULL: none */
	const json_t *body;
	struct rule_mistake mistake;    /* the first */
	unsigned status;                /* of an answer if it fits nowhere */
};

/* The answer waits until all workers have all changes. Freed with the last. */
struct everyone {
	struct request *request;
	json_t *answer;
	size_t missing;                 /* changes under way */
	struct one { struct waiter waiter; struct everyone *all; } each[];
};

static void one_made(struct waiter *w)
{
	struct everyone *all = OWNER(one, waiter, w)->all;

	if (--all->missing)
		return;
	request_answer(all->request, 200, all->answer);
	free(all);
}

static struct spec *edit_make(struct edit *e, const struct spec *from)
{
	struct rule_mistake first = e->mistake;
	struct spec *to = e->make(e, from);

	if (!to && *first.error)
		e->mistake = first;
	return to;
}

/* How many specs it fits; `to` has the result of each, or NULL. */
static size_t edit_all(struct edit *e, struct control *c, struct spec **to)
{
	const struct run_settings *run = control_settings(c)->run;
	size_t proxies = control_proxy_count(c), fits = 0;

	for (size_t i = 0; i < proxies + run->n_future; i++) {
		const struct spec *from = i < proxies ? proxy_spec(control_proxy(c, i)) :
		                                        run->future[i - proxies];
		to[i] = edit_make(e, from);
		fits += to[i] != NULL;
	}
	return fits;
}

static void future_set(struct run_settings *run, size_t i, struct spec *to)
{
	spec_unref(run->future[i]);
	run->future[i] = to;
}

/* Takes the specs over, and the answer. */
static void everyone_change(struct request *r, struct spec **to, size_t proxies, json_t *answer)
{
	struct control *c = request_control(r);
	struct run_settings *run = control_settings(c)->run;
	struct everyone *all = xcalloc(1, sizeof *all + proxies * sizeof all->each[0]);

	all->request = r;
	all->answer = answer;
	all->missing = 1;               /* this function itself */
	for (size_t i = 0; i < run->n_future; i++)
		if (to[proxies + i])
			future_set(run, i, to[proxies + i]);
	for (size_t i = 0, n = 0; i < proxies; i++) {
		if (!to[i])
			continue;
		all->each[i] = (struct one){ { one_made, request_client(r) }, all };
		all->missing++;
		n++;
		control_change(c, control_proxy(c, i), to[i], &all->each[i].waiter);
	}
	struct one mine = { .all = all };
	one_made(&mine.waiter);
}

/* Takes the body over. `answer` NULL: {"status": "ok"}. */
static void everyone_edit(struct request *r, struct edit *e, json_t *(*show)(const struct edit *,
                          const struct spec *))
{
	struct control *c = request_control(r);
	size_t proxies = control_proxy_count(c), n = proxies + control_settings(c)->run->n_future;
	struct spec **to = xcalloc(n + 1, sizeof *to);
	size_t fits = edit_all(e, c, to), changed = 0;
	const struct spec *shown = NULL;

	for (size_t i = n; i-- > 0;)
		shown = to[i] ? to[i] : shown;
	for (size_t i = 0; i < proxies; i++)
		changed += to[i] != NULL;
	json_t *answer = show && shown ? show(e, shown) : json_pack("{s:s}", "status", "ok");
	json_object_set_new(answer, "proxies", json_integer((json_int_t)changed));
	if (fits && !request_checks_only(r)) {
		if (e->note)
			e->note(e, c);
		everyone_change(r, to, proxies, answer);
	} else {
		for (size_t i = 0; i < n; i++)
			spec_unref(to[i]);
		if (fits) {
			request_answer(r, 200, answer);
		} else {
			json_decref(answer);
			request_error(r, e->status, e->status == 404 ? "url" : "body",
			              e->mistake.key ? e->mistake.key : "", e->mistake.error);
		}
	}
	free(to);
}

/* ---- /behavior ---- */

static struct spec *behavior_make(struct edit *e, const struct spec *from)
{
	return spec_with_behavior(from->defaults, from, e->name, e->body, &e->mistake.key,
	                          e->mistake.error);
}

/* Proxies to come are told of when they come. */
static void behavior_note(const struct edit *e, struct control *c)
{
	struct run_settings *run = control_settings(c)->run;

	run_behavior_set(run, e->name, e->body);
	for (size_t i = 0; i < control_proxy_count(c); i++) {
		const struct spec *from = proxy_spec(control_proxy(c, i));
		struct edit one = { .name = e->name, .body = e->body };
		struct spec *to = behavior_make(&one, from);
		if (!to)
			run_behavior_unfit(run, from->name, one.mistake.error);
		spec_unref(to);
	}
}

static void put_behavior(struct request *r)
{
	json_t *body = request_object(r);
	const char *name = json_string_value(json_object_get(body, "name"));
	struct edit e = { .make = behavior_make, .note = behavior_note, .name = name,
	                  .body = body, .status = 400 };

	if (!body)
		return;
	if (!name) {
		request_error(r, 400, "body", "name",
		              "name: expected a text, the name of a behavior");
	} else {
		if (!request_checks_only(r))
			log_info("Handler of all proxies changed to \"%s\"", name);
		everyone_edit(r, &e, NULL);
	}
	json_decref(body);
}

/* What is shown of all: of the proxies if there are some, else of those to come. */
static size_t specs_shown(struct control *c, const struct spec **all)
{
	const struct run_settings *run = control_settings(c)->run;
	size_t n = control_proxy_count(c);

	for (size_t i = 0; i < n; i++)
		all[i] = proxy_spec(control_proxy(c, i));
	for (size_t i = 0; i < run->n_future; i++)
		all[n + i] = run->future[i];
	return n + run->n_future;
}

static const struct spec **specs_list(struct control *c, size_t *n)
{
	const struct run_settings *run = control_settings(c)->run;
	const struct spec **all = xcalloc(control_proxy_count(c) + run->n_future + 1, sizeof *all);

	*n = specs_shown(c, all);
	return all;
}

/* Adds the counters of one object of a rule to those of another. */
static void counters_add(json_t *to, const json_t *from)
{
	static const char *const names[] = { "seen", "hits", "unreachable" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		json_int_t sum = json_integer_value(json_object_get(to, names[i])) +
		                 json_integer_value(json_object_get(from, names[i]));
		if (json_object_get(to, names[i]) || json_object_get(from, names[i]))
			json_object_set_new(to, names[i], json_integer(sum));
	}
}

/* The behavior of those to come, with the counts of all that have it. */
static void get_behavior(struct request *r)
{
	struct control *c = request_control(r);
	const struct run_settings *run = control_settings(c)->run;
	const struct spec *shown = run->future[0];

	for (size_t i = 0; i < run->n_future; i++)
		if (strcmp(run->future[i]->behavior, NO_BEHAVIOR))
			shown = run->future[i];
	json_t *answer = spec_behavior_json(shown);
	for (size_t i = 0; i < control_proxy_count(c); i++) {
		const struct spec *s = proxy_spec(control_proxy(c, i));
		if (strcmp(s->behavior, shown->behavior))
			continue;
		json_t *one = spec_behavior_json(s);
		counters_add(answer, one);
		json_decref(one);
	}
	request_answer(r, 200, answer);
}

/* ---- /rules ---- */

/* The rules of all, each name once. */
static json_t *rules_all(struct control *c)
{
	size_t n;
	const struct spec **all = specs_list(c, &n);
	json_t *by_name = json_object(), *rules = json_array(), *rule;
	const char *name;

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < all[i]->n_rules; k++) {
			json_t *one = rule_json(&all[i]->rules[k]);
			json_t *same = json_object_get(by_name, all[i]->rules[k].name);
			if (same)
				counters_add(same, one);
			else
				json_object_set(by_name, all[i]->rules[k].name, one);
			json_decref(one);
		}
	json_object_foreach(by_name, name, rule)
		json_array_append(rules, rule);
	json_decref(by_name);
	free(all);
	return rules;
}

static void get_rules(struct request *r)
{
	request_answer(r, 200, json_pack("{s:o}", "rules", rules_all(request_control(r))));
}

static void get_rule(struct request *r)
{
	json_t *rules = rules_all(request_control(r)), *rule, *found = NULL;
	size_t i;

	json_array_foreach(rules, i, rule)
		if (!strcmp(json_string_value(json_object_get(rule, "name")), request_param(r, 0)))
			found = json_incref(rule);
	json_decref(rules);
	if (found)
		request_answer(r, 200, found);
	else
		request_error(r, 404, "url", "rule", "there is no rule of that name");
}

static struct spec *rule_add(struct edit *e, const struct spec *from)
{
	json_t *name[1];
	struct spec *to = spec_with_rule_body(from, e->body, name, &e->mistake);

	if (to)
		json_decref(name[0]);
	return to;
}

/* The rule that was added is the last one. */
static json_t *rule_added(const struct edit *e, const struct spec *s)
{
	return rule_json(&s->rules[s->n_rules - 1]);
}

static void post_rule(struct request *r)
{
	json_t *body = request_object(r);
	struct edit e = { .make = rule_add, .body = body, .status = 400 };

	if (body)
		everyone_edit(r, &e, rule_added);
	json_decref(body);
}

static bool rule_there(struct edit *e, const struct spec *from)
{
	if (spec_rule(from, e->name))
		return true;
	if (!*e->mistake.error) {
		e->mistake.key = "rule";
		error_format(e->mistake.error, "there is no rule of that name");
	}
	return false;
}

static struct spec *rule_edit(struct edit *e, const struct spec *from)
{
	json_t *options = rule_there(e, from) ? rule_body_options(e->body, &e->mistake) : NULL;
	struct spec *to = NULL;

	if (!options)
		return NULL;
	e->status = 400;                /* it is there */
	if (json_is_boolean(json_object_get(options, "enabled")) && json_object_size(options) == 1)
		to = spec_with_rules_enabled(from, e->name,
		                             json_is_true(json_object_get(options, "enabled")));
	if (!to)
		to = spec_with_rule_changed(from, e->name, options, &e->mistake.key,
		                            e->mistake.error);
	json_decref(options);
	return to;
}

static json_t *rule_edited(const struct edit *e, const struct spec *s)
{
	return rule_json(spec_rule(s, e->name));
}

static void put_rule(struct request *r)
{
	json_t *body = request_object(r);
	struct edit e = { .make = rule_edit, .name = request_param(r, 0), .body = body,
	                  .status = 404 };

	if (body)
		everyone_edit(r, &e, rule_edited);
	json_decref(body);
}

static struct spec *rule_remove(struct edit *e, const struct spec *from)
{
	return rule_there(e, from) ? spec_without_rule(from, e->name) : NULL;
}

static void delete_rule(struct request *r)
{
	struct edit e = { .make = rule_remove, .name = request_param(r, 0), .status = 404 };

	everyone_edit(r, &e, NULL);
}

/* Rules that do not fit are left out; a list of which none fits is an error. */
static struct spec *rules_replace(struct edit *e, const struct spec *from)
{
	struct spec *to = spec_without_others(from, RULE_GROUP), *next;
	size_t i, fits = 0;
	const json_t *body;

	json_array_foreach(e->body, i, body) {
		json_t *name[1];
		const char *text = json_string_value(json_object_get(body, "name"));
		if (text && !strcmp(text, RULE_GROUP))
			continue;
		next = spec_with_rule_body(to, body, name, &e->mistake);
		if (!next)
			continue;
		fits++;
		json_decref(name[0]);
		spec_unref(to);
		to = next;
	}
	if (fits || !json_array_size(e->body))
		return to;
	spec_unref(to);
	return NULL;
}

static void put_rules(struct request *r)
{
	json_t *body = request_object(r), *rules = json_object_get(body, "rules");
	struct edit e = { .make = rules_replace, .body = rules, .status = 400 };

	if (!body)
		return;
	if (json_is_array(rules))
		everyone_edit(r, &e, NULL);
	else
		request_error(r, 400, "body", "rules", "rules: expected an array");
	json_decref(body);
}

/* ---- routes ---- */

static bool in_run(struct request *r)
{
	return control_settings(request_control(r))->run != NULL;
}

static const struct route routes[] = {
	{ "PUT",    "/behavior", put_behavior, false },
	{ "GET",    "/behavior", get_behavior, false },
	{ "GET",    "/rules",    get_rules,    false },
	{ "PUT",    "/rules",    put_rules,    false },
	{ "POST",   "/rules",    post_rule,    false },
	{ "GET",    "/rules/{}", get_rule,     false },
	{ "PUT",    "/rules/{}", put_rule,     false },
	{ "DELETE", "/rules/{}", delete_rule,  false },
	{ NULL },
};

DIALECT(everyone, .routes = routes, .first = in_run)
