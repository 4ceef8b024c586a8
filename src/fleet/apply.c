/* apply.c - one proxy with the fleet rules that are for it. */
#include "fleet/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "fleet/selector.h"
#include "spec/rule_body.h"

enum { NAME_ROOM = sizeof FLEET_PREFIX + FLEET_ID_MAX };

static void name_make(const struct fleet_rule *r, char name[NAME_ROOM])
{
	snprintf(name, NAME_ROOM, "%s%s", FLEET_PREFIX, r->id);
}

static const struct rule_spec *made(const struct spec *s, const struct fleet_rule *r,
                                    const struct trial *t)
{
	char name[NAME_ROOM];

	name_make(r, name);
	const struct rule_spec *rule = t && t->origin ? spec_rule(s, name) : NULL;
	return rule && rule->origin == t->origin ? rule : NULL;
}

const struct rule_spec *fleet_made(const struct proxy *p, const struct fleet_rule *r)
{
	return made(proxy_spec(p), r, fleet_rule_trial(r, proxy_number(p)));
}

static bool wanted(const struct fleet_rule *r, const struct spec *s, bool open, vn_nsec now)
{
	return !open && !r->error && !r->gone && r->chosen && now < r->deadline
		&& selector_fits_proxy(r->select, s->name, s->protocol->name);
}

/* The body for POST /rules: the author's, a name, and what is left of the time. */
static json_t *body_make(const struct fleet_rule *r, vn_nsec now)
{
	char name[NAME_ROOM];
	json_t *body = json_copy(r->rule);

	name_make(r, name);
	json_object_set_new(body, "name", json_string(name));
	if (r->deadline != VN_NEVER)
		json_object_set_new(body, "ttl",
		                    json_sprintf("%.3fs", (double)(r->deadline - now) / VN_S));
	return body;
}

/* The proxy's number is `number`. NULL: it is refused, which the trial says. */
static struct spec *add(const struct spec *s, struct fleet_rule *r, unsigned number, vn_nsec now)
{
	struct rule_mistake m;
	json_t *body = body_make(r, now), *name[1];
	struct spec *to = spec_with_rule_body(s, body, name, &m);
	struct trial *t = fleet_rule_try(r, number);

	char *before = t->why;

	json_decref(body);
	*t = (struct trial){ .proxy = number, .version = r->version };
	if (to) {
		t->origin = spec_rule(to, json_string_value(name[0]))->origin;
		json_decref(name[0]);
		log_info("proxy=%s rule=%s%s is set by the fleet", s->name, FLEET_PREFIX, r->id);
	} else {
		t->why = xstrdup(m.error);
		t->spec = s;
		if (!before || strcmp(before, t->why))
			log_warning("proxy=%s rule=%s%s is refused: %s", s->name, FLEET_PREFIX,
			            r->id, m.error);
	}
	free(before);
	return to;
}

static struct spec *take_back(const struct spec *s, const struct fleet_rule *r)
{
	char name[NAME_ROOM];

	name_make(r, name);
	log_info("proxy=%s rule=%s is taken back by the fleet", s->name, name);
	return spec_without_rule(s, name);
}

/* Takes the reference to `s`, and returns one to what it is with this rule. */
static struct spec *apply_one(struct spec *s, unsigned number, struct fleet_rule *r, bool open,
                              vn_nsec now)
{
	struct trial *t = fleet_rule_trial(r, number);
	bool want = wanted(r, s, open, now), have = made(s, r, t) != NULL;
	struct spec *to = NULL, *more;

	if (have && (!want || t->version != r->version)) {
		to = take_back(s, r);
		have = false;
	}
	if (want && !have && !(t && t->why && t->version == r->version && t->spec == s)) {
		more = add(to ? to : s, r, number, now);
		if (more) {
			spec_unref(to);
			to = more;
		}
	} else if (!want && t) {
		trial_forget(r, t);
	}
	if (!to)
		return s;
	spec_unref(s);
	return to;
}

void fleet_apply(struct control *c, struct proxy *p, struct fleet_rule *rules, size_t n, bool open,
                 vn_nsec now)
{
	struct spec *was = proxy_spec(p), *to = spec_ref(was);
	struct waiter by = { .by = "fleet" };

	for (size_t i = 0; i < n; i++)
		to = apply_one(to, proxy_number(p), &rules[i], open, now);
	if (to == was)
		spec_unref(to);
	else
		control_change(c, p, to, &by);
}
