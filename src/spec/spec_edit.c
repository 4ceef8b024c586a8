/* spec_edit.c - a spec and one change make a new spec; the old one stays as it is. */
#include "spec/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/datagrams.h"
#include "spec/rule_check.h"
#include "spec/rule_parse.h"
#include "spec/rule_tls.h"
#include "spec/weights.h"

static bool options_set(struct rule_spec *r, const json_t *options, const char *culprit[1],
                        char error[ERROR_MAX])
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)options, key, value)
		if (!rule_set(r, key, value, culprit, error))
			return false;
	return true;
}

/* One key of a request's options: an object of a behavior's name or, of a single rule, an
 * option. */
static bool rules_set(struct rule_spec *rules, unsigned n, const char *key, const json_t *value,
                      const char *culprit[1], char error[ERROR_MAX])
{
	char shown[48];

	if (json_is_object(value)) {
		for (unsigned i = 0; i < n; i++)
			if (!strcmp(rules[i].behavior->name, key))
				return options_set(&rules[i], value, culprit, error);
	}
	if (n == 1)
		return rule_set(rules, key, value, culprit, error);
	text_printable(key, shown, sizeof shown);
	if (n)
		error_format(error, "%s: with weights, expected an object of options by the name "
		             "of a behavior", shown);
	else
		error_format(error, "%s: %s has no options", shown, NO_BEHAVIOR);
	return rule_blame(culprit, key);
}

static bool body_set(struct rule_spec *rules, unsigned n, const json_t *body,
                     const char *culprit[1], char error[ERROR_MAX])
{
	const json_t *nested = json_object_get(body, "options");
	const char *key;
	json_t *value;

	if (nested && !json_is_object(nested)) {
		error_format(error, "options: expected an object");
		*culprit = "options";
		return false;
	}
	json_object_foreach((json_t *)nested, key, value)
		if (!rules_set(rules, n, key, value, culprit, error))
			return false;
	json_object_foreach((json_t *)body, key, value)
		if (!rule_key_is_reserved(key) && !rules_set(rules, n, key, value, culprit, error))
			return false;
	return true;
}

/* Each rule has a part of [0, 1); a draw in the rest strikes nothing. */
static void rules_add(const struct defaults *defaults, struct spec *s, const struct weights *w)
{
	int low = 0;

	for (unsigned i = 0; i < w->n; i++) {
		struct rule_spec *r = &s->rules[s->n_rules++];
		rule_init(r, RULE_GROUP, w->of[i].behavior, defaults);
		r->low = low / 100.0;
		r->high = (low + w->of[i].percent) / 100.0;
		low += w->of[i].percent;
	}
}

static bool rules_finish(struct rule_spec *rules, unsigned n, bool listed,
                         const struct spec *on, const char *culprit[1], char error[ERROR_MAX])
{
	for (unsigned i = 0; i < n; i++) {
		const struct rule_fields *f = rules[i].fields.opts;
		if (listed && f->probability != 1) {
			error_format(error,
			             "probability: expected none beside weights, which are "
			             "probabilities");
			*culprit = "probability";
			return false;
		}
		if (!rule_finish(&rules[i], on, culprit, error))
			return false;
	}
	return true;
}

struct spec *spec_with_behavior(const struct defaults *defaults, const struct spec *from,
                                const char *text, const json_t *options, const char *culprit[1],
                                char error[ERROR_MAX])
{
	struct weights w;

	*culprit = "name";
	if (!weights_read(&w, text, error))
		return NULL;
	struct spec *s = spec_copy(from, w.n, false);
	if (s->n_rules + w.n > RULES_MAX) {
		error_format(error, "name: expected at most %d rules on a proxy, got %u", RULES_MAX,
		             s->n_rules + w.n);
		spec_unref(s);
		return NULL;
	}
	struct rule_spec *mine = s->rules + s->n_rules;
	rules_add(defaults, s, &w);
	free(s->behavior);
	s->behavior = weights_show(&w, text);

	if (body_set(mine, w.n, options, culprit, error) &&
	    rules_finish(mine, w.n, w.listed, s, culprit, error) &&
	    spec_check_tls(s, culprit, error))
		return s;
	spec_unref(s);
	return NULL;
}

char *spec_unused_rule_name(const struct spec *s, const struct vn_behavior *b)
{
	char name[80];

	snprintf(name, sizeof name, "%s", b->name);
	for (unsigned n = 2; spec_rule(s, name); n++)
		snprintf(name, sizeof name, "%s-%u", b->name, n);
	return xstrdup(name);
}

struct spec *spec_with_rule(const struct defaults *defaults, const struct spec *from,
                            const char *text, char error[ERROR_MAX])
{
	struct rule_spec r;
	const char *culprit;

	if (!rule_read(&r, text, from, defaults, error))
		return NULL;
	if (!strcmp(r.name, r.behavior->name)) {
		free(r.name);
		r.name = spec_unused_rule_name(from, r.behavior);
	}
	struct spec *s = NULL;
	if (rule_check_tls(&r, from, &culprit, error))
		s = spec_add_rule(from, &r, error);
	if (!s)
		rule_free(&r);
	return s;
}

struct spec *spec_add_rule(const struct spec *from, struct rule_spec *r, char error[ERROR_MAX])
{
	char shown[64];

	if (from->n_rules == RULES_MAX) {
		error_format(error, "rule: expected at most %d rules on a proxy", RULES_MAX);
		return NULL;
	}
	if (spec_rule(from, r->name) || rule_in_group(r)) {
		error_format(error, "rule: the name '%s' is not free",
		             text_printable(r->name, shown, sizeof shown));
		return NULL;
	}
	struct spec *s = spec_copy(from, 1, true);
	s->rules[s->n_rules++] = *r;
	return s;
}

/* A copy with the rules that `keep` returns true for. */
static struct spec *spec_filter(const struct spec *from,
                                bool (*keep)(const struct rule_spec *, const void *what),
                                const void *what)
{
	struct spec *s = spec_copy(from, 0, true);
	unsigned kept = 0, grouped = 0;

	for (unsigned i = 0; i < s->n_rules; i++) {
		if (!keep(&s->rules[i], what)) {
			rule_free(&s->rules[i]);
			continue;
		}
		grouped += rule_in_group(&s->rules[i]);
		s->rules[kept++] = s->rules[i];
	}
	s->n_rules = kept;
	if (!grouped) {
		free(s->behavior);
		s->behavior = xstrdup(NO_BEHAVIOR);
	}
	return s;
}

static bool name_differs(const struct rule_spec *r, const void *name)
{
	return strcmp(r->name, name) != 0;
}

static bool name_fits(const struct rule_spec *r, const void *name)
{
	return !strcmp(r->name, name);
}

static bool none(const struct rule_spec *r, const void *what)
{
	return false;
}

struct spec *spec_with_rules_enabled(const struct spec *from, const char *name, bool enabled)
{
	struct spec *s = spec_copy(from, 0, true);
	unsigned changed = 0;

	for (unsigned i = 0; i < s->n_rules; i++) {
		struct rule_spec *r = &s->rules[i];
		if (r->off != enabled || (name && strcmp(r->name, name)))
			continue;
		rule_renew(r);
		((struct rule_fields *)r->fields.opts)->enabled = enabled;
		r->off = !enabled;
		changed++;
	}
	if (changed)
		return s;
	spec_unref(s);
	return NULL;
}

struct spec *spec_without_rule(const struct spec *from, const char *name)
{
	return spec_rule(from, name) ? spec_filter(from, name_differs, name) : NULL;
}

struct spec *spec_without_rules(const struct spec *from)
{
	return spec_filter(from, none, NULL);
}

struct spec *spec_without_others(const struct spec *from, const char *name)
{
	return spec_filter(from, name_fits, name);
}

struct spec *spec_like(const struct spec *from, const char *name)
{
	struct spec *s = spec_without_rules(from);

	gate_unref(s->gate);            /* it is the other proxy's */
	s->gate = NULL;
	free(s->name);
	s->name = xstrdup(name);
	return s;
}

struct spec *spec_twin(const struct spec *from, const char *name)
{
	struct spec *s = spec_like(from, name);

	free(s->rules);
	free(s->behavior);
	s->behavior = xstrdup(from->behavior);
	s->rules = xcalloc(from->n_rules + 1, sizeof *s->rules);
	for (; s->n_rules < from->n_rules; s->n_rules++)
		rule_twin(&s->rules[s->n_rules], &from->rules[s->n_rules]);
	return s;
}

static void backend_forget(struct spec *s)
{
	backend_note_unref(s->backend_note);
	s->backend_note = backend_note_make();
}

void spec_backend_set(struct spec *s, struct address backend)
{
	address_free(&s->backend);
	s->backend = backend;
	backend_forget(s);
}

void spec_tls_set(struct spec *s, const struct spec *from)
{
	opt_values_free(&s->tls);
	opt_values_copy(&s->tls, &from->tls);
	tls_leg_unref(s->client_tls);
	tls_leg_unref(s->backend_tls);
	s->client_tls = tls_leg_ref(from->client_tls);
	s->backend_tls = tls_leg_ref(from->backend_tls);
}

struct spec *spec_with_protocol(const struct spec *from, const struct spec *other)
{
	struct spec *s = spec_copy(from, 0, true);

	s->protocol = other->protocol;
	opt_values_free(&s->protocol_values);
	opt_values_copy(&s->protocol_values, &other->protocol_values);
	backend_forget(s);
	return s;
}

bool spec_check_rules(struct spec *s, const char *culprit[1], char error[ERROR_MAX])
{
	if (!datagrams_check(s, culprit, error))
		return false;
	for (unsigned i = 0; i < s->n_rules; i++) {
		struct rule_spec *r = &s->rules[i];
		if (((const struct rule_fields *)r->fields.opts)->probability != 1)
			r->high = 1;    /* rule_finish() multiplies it by the probability */
		if (!rule_finish(r, s, culprit, error))
			return false;
	}
	return spec_check_tls(s, culprit, error);
}

/* The same words, or none but a ttl: it goes on as it is. */
static void rule_changed(struct rule_spec *now, const struct rule_spec *was)
{
	if (rule_same_but_ttl(was, now))
		rule_prolong(now, was);
	else if (now->only_open != was->only_open || now->only_new != was->only_new)
		now->came = now->since;
}

struct spec *spec_with_rule_changed(const struct spec *from, const char *name,
                                    const json_t *options, const char *culprit[1],
                                    char error[ERROR_MAX])
{
	struct spec *s = spec_copy(from, 0, true);
	struct rule_spec *r = spec_rule(s, name);
	char shown[64];

	*culprit = "rule";
	if (!r) {
		error_format(error, "rule: there is none of the name '%s'",
		             text_printable(name, shown, sizeof shown));
	} else if (rule_in_group(r)) {
		error_format(error, "rule: '%s' is changed as a whole, by PUT /behavior", name);
	} else {
		rule_renew(r);
		r->high = 1;
		if (options_set(r, options, culprit, error) &&
		    rule_finish(r, s, culprit, error) &&
		    rule_check_tls(r, s, culprit, error)) {
			rule_changed(r, spec_rule(from, name));
			return s;
		}
	}
	spec_unref(s);
	return NULL;
}

static bool lasts(const struct rule_spec *r, const void *now)
{
	return r->until > *(const vn_nsec *)now;
}

struct spec *spec_without_expired(const struct spec *from, vn_nsec now, vn_nsec *next)
{
	unsigned kept = 0;

	*next = VN_NEVER;
	for (unsigned i = 0; i < from->n_rules; i++) {
		vn_nsec until = from->rules[i].until;
		kept += until > now;
		if (until > now && until < *next)
			*next = until;
	}
	return kept == from->n_rules ? NULL : spec_filter(from, lasts, &now);
}

struct spec *spec_with_backend(const struct spec *from, const char *backend, char error[ERROR_MAX])
{
	struct address address;
	const char *culprit;
	char why[ERROR_MAX], shown[150];

	if (!address_parse(&address, backend, why, sizeof why)) {
		error_format(error, "backend: %s", why);
		return NULL;
	}
	if (address.port == 0) {        /* good for listening only */
		error_format(error, "backend: expected HOST:PORT or :PORT with a port above 0, got "
		             "'%s'", text_printable(backend, shown, sizeof shown));
		address_free(&address);
		return NULL;
	}
	struct spec *s = spec_copy(from, 0, true);
	spec_backend_set(s, address);
	if (datagrams_check(s, &culprit, error))
		return s;
	spec_unref(s);
	return NULL;
}

struct spec *spec_with_enabled(const struct spec *from, bool enabled)
{
	struct spec *s = spec_copy(from, 0, true);

	s->enabled = enabled;
	return s;
}

struct spec *spec_with_address(const struct spec *from, const struct address *listen)
{
	struct spec *s = spec_copy(from, 0, true);

	if (s->listen.text)
		address_free(&s->listen);
	free(s->asked);
	s->asked = NULL;
	address_copy(&s->listen, listen);
	return s;
}

/* An address with a port stays as the user typed it, as "localhost:8000". */
void spec_with_bound_port(struct spec *s, const struct endpoint *bound)
{
	char text[128], error[ERROR_MAX];

	if (s->listen.unix_path || s->listen.port != 0)
		return;
	free(s->asked);
	s->asked = s->listen.text;
	free(s->listen.host);
	bool ok = address_parse(&s->listen, endpoint_show(bound, text, sizeof text), error,
	                        sizeof error);
	assert(ok);
}
