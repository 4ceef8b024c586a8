/* spec_merge.c - a running spec and a file that was read again make a new spec (SIGHUP). */
#include "spec/spec_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/option_json.h"
#include "spec/rule_tls.h"

/* ---- the same? ---- */

/* Both have a rule of that name, with the same options. */
static bool rule_stays(const struct spec *a, const struct spec *b, const char *name)
{
	const struct rule_spec *one = spec_rule(a, name), *other = spec_rule(b, name);

	return one && other && rule_same(one, other);
}

/* Compares the rules of the group in their order. */
bool spec_same_behavior(const struct spec *a, const struct spec *b)
{
	unsigned i = 0, j = 0;

	for (;; i++, j++) {
		while (i < a->n_rules && !rule_in_group(&a->rules[i]))
			i++;
		while (j < b->n_rules && !rule_in_group(&b->rules[j]))
			j++;
		if (i == a->n_rules || j == b->n_rules)
			return i == a->n_rules && j == b->n_rules &&
			       !strcmp(a->behavior, b->behavior);
		if (!rule_same(&a->rules[i], &b->rules[j]))
			return false;
	}
}

static bool limits_same(const struct spec *a, const struct spec *b)
{
	return a->timeout == b->timeout && a->idle == b->idle && a->linger == b->linger &&
	       a->hold_max == b->hold_max && a->max_clients == b->max_clients &&
	       a->backlog == b->backlog && a->sessions == b->sessions &&
	       a->client_named == b->client_named && opt_values_same(&a->topology, &b->topology);
}

static bool protocol_same(const struct spec *a, const struct spec *b)
{
	return a->protocol == b->protocol &&
	       opt_values_same(&a->protocol_values, &b->protocol_values);
}

/* The options. Whether their files are others now is found out by tls_legs_make(). */
static bool tls_same(const struct spec *a, const struct spec *b)
{
	return opt_values_same(&a->tls, &b->tls);
}

/* A proxy that is still configured with port 0 keeps its bound port. */
bool spec_moves(const struct spec *was, const struct spec *now)
{
	const char *asks = now->asked ? now->asked : now->listen.text;

	return strcmp(was->listen.text, now->listen.text) &&
	       !(was->asked && !strcmp(was->asked, asks));
}

bool spec_same(const struct spec *a, const struct spec *b)
{
	bool same = a->enabled == b->enabled && !spec_moves(a, b) &&
	            !strcmp(a->backend.text, b->backend.text) && protocol_same(a, b) &&
	            limits_same(a, b) && tls_same(a, b) &&
	            a->n_rules == b->n_rules && spec_same_behavior(a, b) &&
	            defaults_same(a->defaults, b->defaults);

	for (unsigned i = 0; same && i < a->n_rules; i++)
		same = rule_in_group(&a->rules[i]) || rule_stays(a, b, a->rules[i].name);
	return same;
}

/* ---- merged ---- */

/* `s` has room for all rules of `live` and `now`. */
static void rules_merge(struct spec *s, const struct spec *live, const struct spec *was,
                        const struct spec *now)
{
	bool same_group = spec_same_behavior(was, now);

	s->n_rules = 0;
	for (unsigned i = 0; i < live->n_rules; i++) {
		const struct rule_spec *r = &live->rules[i];
		bool stays = rule_in_group(r) ?
		                     same_group :
		                     rule_stays(was, now, r->name) ||
		                             (!spec_rule(was, r->name) && !spec_rule(now, r->name));
		if (stays)
			rule_copy(&s->rules[s->n_rules++], r);
	}
	for (unsigned i = 0; i < now->n_rules; i++) {
		const struct rule_spec *r = &now->rules[i];
		if (rule_in_group(r) ? !same_group : !rule_stays(was, now, r->name))
			rule_copy(&s->rules[s->n_rules++], r);
	}
	if (same_group)
		return;
	free(s->behavior);
	s->behavior = xstrdup(now->behavior);
}

static void state_merge(struct spec *s, const struct spec *was, const struct spec *now)
{
	if (was->enabled != now->enabled)
		s->enabled = now->enabled;
	if (strcmp(was->backend.text, now->backend.text)) {
		struct address backend;
		address_copy(&backend, &now->backend);
		spec_backend_set(s, backend);
	}
	if (!protocol_same(was, now)) {
		s->protocol = now->protocol;
		opt_values_free(&s->protocol_values);
		opt_values_copy(&s->protocol_values, &now->protocol_values);
	}
	if (!limits_same(was, now)) {
		s->timeout = now->timeout;
		s->idle = now->idle;
		s->linger = now->linger;
		s->hold_max = now->hold_max;
		s->max_clients = now->max_clients;
		s->backlog = now->backlog;
		s->sessions = now->sessions;
		s->client_named = now->client_named;
		opt_values_free(&s->topology);
		opt_values_copy(&s->topology, &now->topology);
	}
	if (!tls_same(was, now))
		spec_tls_set(s, now);
	defaults_unref(s->defaults);
	s->defaults = defaults_ref(now->defaults);
}

struct spec *spec_merged(const struct spec *live, const struct spec *was, const struct spec *now,
                         bool moves, char error[ERROR_MAX])
{
	struct spec *s = moves ? spec_with_address(live, &now->listen) : spec_copy(live, 0, true),
		    *merged = spec_copy(s, now->n_rules, true);
	const char *culprit;

	spec_unref(s);
	for (unsigned i = 0; i < merged->n_rules; i++)
		rule_free(&merged->rules[i]);
	rules_merge(merged, live, was, now);
	state_merge(merged, was, now);
	if (merged->n_rules > RULES_MAX)
		error_format(error, "proxy=%s: expected at most %d rules on a proxy", now->name,
		             RULES_MAX);
	else if (protocol_same(live, merged) && live->listen.udp == merged->listen.udp &&
	                         live->backend.udp == merged->backend.udp ?
	                 spec_check_tls(merged, &culprit, error) :
	                 spec_check_rules(merged, &culprit, error))
		return merged;
	spec_unref(merged);
	return NULL;
}
