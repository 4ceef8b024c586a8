/* spec.c - life and JSON of a spec. */
#include "spec/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/rule_json.h"

/* ---- life ---- */

struct spec *spec_make(const char *name)
{
	struct spec *s = xcalloc(1, sizeof *s);
	s->refs = 1;
	s->name = xstrdup(name);
	s->enabled = true;
	s->behavior = xstrdup(NO_BEHAVIOR);
	s->backend_note = backend_note_make();
	s->protocol_values.times = UINT64_MAX;
	topology_init(&s->topology);
	tls_values_init(&s->tls);
	return s;
}

struct spec *spec_ref(struct spec *s)
{
	s->refs++;
	return s;
}

void spec_unref(struct spec *s)
{
	if (!s || --s->refs)
		return;
	for (unsigned i = 0; i < s->n_rules; i++)
		rule_free(&s->rules[i]);
	free(s->rules);
	address_free(&s->listen);
	address_free(&s->backend);
	backend_note_unref(s->backend_note);
	gate_unref(s->gate);
	opt_values_free(&s->tls);
	tls_leg_unref(s->client_tls);
	tls_leg_unref(s->backend_tls);
	opt_values_free(&s->protocol_values);
	opt_values_free(&s->topology);
	defaults_unref(s->defaults);
	free(s->behavior);
	free(s->asked);
	free(s->name);
	free(s);
}

struct spec *spec_copy(const struct spec *from, unsigned more, bool with_group)
{
	struct spec *s = xmalloc(sizeof *s);
	size_t refs = offsetof(struct spec, name);

	memcpy(&s->name, &from->name, sizeof *s - refs);
	atomic_init(&s->refs, 1);
	s->name = xstrdup(from->name);
	s->behavior = xstrdup(from->behavior);
	s->asked = xstrdup(from->asked);
	defaults_ref(s->defaults);
	backend_note_ref(s->backend_note);
	gate_ref(s->gate);
	opt_values_copy(&s->tls, &from->tls);
	tls_leg_ref(s->client_tls);
	tls_leg_ref(s->backend_tls);
	if (from->listen.text)
		address_copy(&s->listen, &from->listen);
	if (from->backend.text)
		address_copy(&s->backend, &from->backend);
	opt_values_copy(&s->protocol_values, &from->protocol_values);
	opt_values_copy(&s->topology, &from->topology);
	s->rules = xcalloc(from->n_rules + more + 1, sizeof *s->rules);
	s->n_rules = 0;
	for (unsigned i = 0; i < from->n_rules; i++)
		if (with_group || !rule_in_group(&from->rules[i]))
			rule_copy(&s->rules[s->n_rules++], &from->rules[i]);
	return s;
}

struct rule_spec *spec_rule(const struct spec *s, const char *name)
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (!strcmp(s->rules[i].name, name))
			return &s->rules[i];
	return NULL;
}

/* ---- questions, JSON ---- */

static json_t *options_json(const struct rule_spec *const *rules, unsigned n, bool listed)
{
	json_t *all = json_object();
	assert(all);
	for (unsigned i = 0; i < n; i++) {
		json_t *one = rule_options_json(rules[i]);
		if (!listed)
			json_object_update(all, one);
		else if (json_object_size(one))
			json_object_set(all, rules[i]->behavior->name, one);
		json_decref(one);
	}
	return all;
}

json_t *spec_behavior_json(const struct spec *s)
{
	const struct rule_spec *mine[RULES_MAX];
	json_int_t seen = 0, hits = 0, unreachable = 0;
	unsigned n = 0;
	json_t *object = json_object();
	assert(object);

	for (unsigned i = 0; i < s->n_rules && n < RULES_MAX; i++) {
		const struct rule_spec *r = &s->rules[i];
		if (!rule_in_group(r))
			continue;
		mine[n++] = r;
		seen += (json_int_t)r->counters->seen;
		hits += (json_int_t)r->counters->hits;
		unreachable += (json_int_t)r->counters->unreachable;
	}
	json_object_set_new(object, "behavior", json_string(s->behavior));
	if (!n)
		return object;
	json_t *options = options_json(mine, n, strpbrk(s->behavior, ",:") != NULL);
	if (json_object_size(options))
		json_object_set(object, "options", options);
	json_decref(options);
	json_object_set_new(object, "seen", json_integer(seen));
	json_object_set_new(object, "hits", json_integer(hits));
	json_object_set_new(object, "unreachable", json_integer(unreachable));
	return object;
}

json_t *spec_rules_json(const struct spec *s)
{
	json_t *all = json_array();
	assert(all);
	for (unsigned i = 0; i < s->n_rules; i++)
		json_array_append_new(all, rule_json(&s->rules[i]));
	return all;
}

bool spec_needs_messages(const struct spec *s)
{
	for (unsigned i = 0; i < s->n_rules; i++) {
		const struct rule_spec *r = &s->rules[i];
		if (rule_in_group(r) && rule_needs_messages(r))
			return true;
	}
	return false;
}
