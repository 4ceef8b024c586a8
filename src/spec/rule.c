/* rule.c - life, options and JSON of a rule. */
#include "spec/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "spec/defaults.h"
#include "spec/failure.h"
#include "spec/option_json.h"

static const struct rule_fields *fields_of(const struct rule_spec *r)
{
	return r->fields.opts;
}

/* ---- life ---- */

void rule_renew(struct rule_spec *r)
{
	static _Atomic uint64_t last_id;

	r->id = ++last_id;
	r->since = r->lease = clock_monotonic();
}

static void lease_begin(struct rule_spec *r)
{
	r->lease = clock_monotonic();
	r->until = fields_of(r)->ttl ? r->lease + fields_of(r)->ttl : VN_NEVER;
}

void rule_prolong(struct rule_spec *now, const struct rule_spec *was)
{
	vn_nsec ttl = fields_of(now)->ttl;

	rule_free(now);
	rule_copy(now, was);
	((struct rule_fields *)now->fields.opts)->ttl = ttl;
	lease_begin(now);
}

void rule_init(struct rule_spec *r, const char *name, const struct vn_behavior *b,
               const struct defaults *all)
{
	const struct opt_values *defaults = defaults_of(all, b);

	*r = (struct rule_spec){ .behavior = b, .high = 1, .until = VN_NEVER };
	r->name = xstrdup(name);
	rule_renew(r);
	r->came = r->since;
	r->origin = r->id;
	r->counters = xcalloc(1, sizeof *r->counters);
	atomic_init(&r->counters->refs, 1);
	if (defaults)
		opt_values_copy(&r->values, defaults);
	else
		opt_values_init(&r->values, b->options, b->opts_size);
	opt_values_init(&r->fields, rule_options, sizeof(struct rule_fields));
}

void rule_copy(struct rule_spec *to, const struct rule_spec *from)
{
	*to = *from;
	to->name = xstrdup(from->name);
	opt_values_copy(&to->values, &from->values);
	opt_values_copy(&to->fields, &from->fields);
	to->note = xstrdup(from->note);
	to->counters->refs++;
}

void rule_twin(struct rule_spec *to, const struct rule_spec *from)
{
	vn_nsec lease = from->lease;

	rule_copy(to, from);
	to->counters->refs--;           /* the other's */
	to->counters = xcalloc(1, sizeof *to->counters);
	atomic_init(&to->counters->refs, 1);
	rule_renew(to);
	to->lease = lease;              /* it expires with the other */
	to->came = to->since;
	to->origin = to->id;
}

void rule_free(struct rule_spec *r)
{
	if (--r->counters->refs == 0)
		free(r->counters);
	opt_values_free(&r->values);
	opt_values_free(&r->fields);
	free(r->note);
	free(r->name);
}

/* ---- options ---- */

bool rule_blame(const char *culprit[1], const char *name)
{
	static char printable[64];

	*culprit = text_printable(name, printable, sizeof printable);
	return false;
}

static void names_put(struct name_list *known, struct suggestion *near,
                      const struct vn_opt *options)
{
	for (const struct vn_opt *o = options; o && o->name; o++) {
		suggest_try(near, o->name);
		if (o->type != VN_OPT_INERT)
			name_list_add(known, o->name);
	}
}

static bool option_unknown(const struct vn_behavior *b, const char *key, char error[ERROR_MAX])
{
	char shown[48], meant[SUGGEST_MAX], text[200] = "";
	struct suggestion near = { .word = key };
	struct name_list known = { text, sizeof text, 0 };

	names_put(&known, &near, b->options);
	names_put(&known, &near, rule_options);
	name_list_end(&known, "vaurien --list");
	text_printable(key, shown, sizeof shown);
	error_format(error, "%s: %s has no such option; expected one of %s%s", shown, b->name, text,
	             suggest_show(&near, "", meant));
	return false;
}

/* The row of that name, and in *values where its value is stored; NULL: there is none. */
static const struct vn_opt *row_find(struct rule_spec *r, const char *key,
                                     struct opt_values **values)
{
	const struct vn_opt *own = opt_find(r->behavior->options, key);

	*values = own ? &r->values : &r->fields;
	return own ? own : opt_find(rule_options, key);
}

bool rule_set(struct rule_spec *r, const char *key, const json_t *value, const char *culprit[1],
              char error[ERROR_MAX])
{
	struct opt_values *values;
	const struct vn_opt *row = row_find(r, key, &values);
	bool good = row ? opt_set_json(values, row, value, error) :
	                  option_unknown(r->behavior, key, error);

	return good || rule_blame(culprit, row ? row->name : key);
}

bool rule_set_text(struct rule_spec *r, const char *key, const char *value, char error[ERROR_MAX])
{
	struct opt_values *values;
	const struct vn_opt *row = row_find(r, key, &values);

	return row ? opt_set_text(values, row, value, error) :
	             option_unknown(r->behavior, key, error);
}

/* ---- questions ---- */

bool rule_in_group(const struct rule_spec *r)
{
	return !strcmp(r->name, RULE_GROUP);
}

bool rule_applies_to(const struct rule_spec *r, const struct endpoint *client)
{
	return network_contains(&r->client, client);
}

bool rule_applies_since(const struct rule_spec *r, vn_nsec opened)
{
	return !(r->only_open && opened >= r->came) && !(r->only_new && opened < r->came);
}

bool rule_plain(const struct rule_spec *r)
{
	const struct rule_fields *f = fields_of(r);

	return r->low <= 0 && r->high >= 1 && !f->match && !f->kind && !f->client && !r->skip &&
	       r->times == UINT64_MAX && r->every == 1 && !r->only_open;
}

bool rule_needs_messages(const struct rule_spec *r)
{
	if (r->behavior->failure)
		return true;
	for (const struct vn_opt *o = r->behavior->options; o && o->name; o++)
		if (o->type == VN_OPT_FAILURE)
			return true;
	return (fields_of(r)->match && !(rule_on(r) & VN_ON_HELLO)) || fields_of(r)->kind;
}

bool rule_refuses_opening(const struct rule_spec *r, const struct vn_protocol *p)
{
	const char *values = r->values.opts;

	for (const struct vn_opt *o = r->behavior->options; o && o->name; o++) {
		const char *name = o->type == VN_OPT_FAILURE ? *(char **)(values + o->offset) :
		                                               NULL;
		const struct vn_failure *f = name ? failure_find(p, name) : NULL;
		if (f && f->fits & VN_IS_OPENING)
			return true;
	}
	return false;
}

bool rule_spares_setup(const struct rule_spec *r)
{
	if (!(r->behavior->traits & VN_TRAIT_SPARES) || fields_of(r)->match ||
	    r->kinds & VN_IS_LOGIN)
		return false;
	for (const struct vn_opt *o = r->values.options; o && o->name; o++)
		if (o->type == VN_OPT_FAILURE && *(char **)opt_at(&r->values, o))
			return false;
	return true;
}

static bool note_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool rule_same(const struct rule_spec *a, const struct rule_spec *b)
{
	return !strcmp(a->name, b->name) && a->behavior == b->behavior && a->low == b->low &&
	       a->high == b->high && note_same(a->note, b->note) &&
	       opt_values_same(&a->values, &b->values) && opt_values_same(&a->fields, &b->fields);
}

bool rule_same_but_ttl(const struct rule_spec *a, const struct rule_spec *b)
{
	struct rule_spec c = *a;

	opt_values_copy(&c.fields, &a->fields);
	((struct rule_fields *)c.fields.opts)->ttl = fields_of(b)->ttl;
	bool same = rule_same(&c, b);
	opt_values_free(&c.fields);
	return same;
}

/* ---- JSON ---- */

json_t *rule_options_json(const struct rule_spec *r)
{
	json_t *all = opt_values_to_json(&r->values);

	for (const struct vn_opt *o = rule_options; o->name; o++) {
		bool own = opt_is_default(&r->fields, o);
		if (!own)
			json_object_set_new(all, o->name, opt_to_json(&r->fields, o));
		else if (r->toxic && r->per_connection && !strcmp(o->name, "per"))
			json_object_set_new(all, o->name, json_string("connection"));
	}
	return all;
}
