/* fleet_rule.c - a fleet rule as its author wrote it: for whom, what, and until when. */
#include "fleet/fleet_rule.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fleet/selector.h"

#define LONGEST (30 * 86400.0)          /* seconds that a rule may last */

static bool known_keys(const json_t *document, char error[ERROR_MAX])
{
	static const char *const known[] = { "select", "rule", "for", "max_members", "author" };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)document, key, value) {
		char shown[64];
		bool good = false;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			good |= !strcmp(key, known[i]);
		if (!good) {
			error_format(error, "expected select, rule, for, max_members or author, got"
			             " '%s'", text_printable(key, shown, sizeof shown));
			return false;
		}
	}
	return true;
}

static bool limit_set(struct fleet_rule *r, const json_t *limit, char error[ERROR_MAX])
{
	char number[40];
	const char *text = json_string_value(limit);

	r->limit = -1;
	if (!limit)
		return true;
	if (json_is_integer(limit)) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(limit));
		text = number;
	}
	return limit_read(text ? text : "", &r->limit, &r->percent, error);
}

/* How long it lasts, from `now` on. */
static bool deadline_set(struct fleet_rule *r, const json_t *seconds, const struct store_entry *e,
                         vn_nsec now, char error[ERROR_MAX])
{
	double lasts = json_number_value(seconds);

	if (seconds ? lasts <= 0 || lasts > LONGEST : !e->leased) {
		error_format(error, "for: expected seconds, at most 30 days, or a lease of its"
		             " author's");
		return false;
	}
	if (seconds && e->left >= 0 && e->left < lasts)
		lasts = e->left;
	r->deadline = seconds ? now + (vn_nsec)(lasts * VN_S) : VN_NEVER;
	return true;
}

/* What POST /rules takes, but for what a fleet sets itself. */
static bool rule_set_body(struct fleet_rule *r, json_t *rule, char error[ERROR_MAX])
{
	if (!json_is_object(rule) || !json_is_string(json_object_get(rule, "behavior"))) {
		error_format(error, "rule: expected what POST /rules takes, with a behavior");
		return false;
	}
	if (json_object_get(rule, "ttl") || json_object_get(rule, "name")
	    || json_object_get(json_object_get(rule, "options"), "ttl")) {
		error_format(error, "rule: a fleet rule has its name from its key, and ends by"
		             " `for`: expected neither name nor ttl");
		return false;
	}
	r->rule = json_incref(rule);
	return true;
}

static bool document_set(struct fleet_rule *r, const json_t *document, const struct store_entry *e,
                         vn_nsec now, char error[ERROR_MAX])
{
	const json_t *select = json_object_get(document, "select");

	if (!json_is_object(document)) {
		error_format(error, "expected a JSON object of at most %d bytes", FLEET_RULE_MAX);
		return false;
	}
	if (select && !json_is_string(select)) {
		error_format(error, "select: expected a text such as app=shop,protocol=mysql");
		return false;
	}
	r->select = selector_read(select ? json_string_value(select) : "", "select", error);
	return r->select && known_keys(document, error)
		&& rule_set_body(r, json_object_get(document, "rule"), error)
		&& limit_set(r, json_object_get(document, "max_members"), error)
		&& deadline_set(r, json_object_get(document, "for"), e, now, error);
}

static void wish_clear(struct fleet_rule *r)
{
	free(r->error);
	json_decref(r->select);
	json_decref(r->rule);
	r->error = NULL;
	r->select = r->rule = NULL;
}

void fleet_rule_read(struct fleet_rule *r, const struct store_entry *e, vn_nsec now)
{
	char error[ERROR_MAX];
	json_t *document = e->n <= FLEET_RULE_MAX ? json_loadb(e->text, e->n, 0, NULL) : NULL;

	wish_clear(r);
	r->version = e->version;
	r->gone = false;
	if (!document_set(r, document, e, now, error))
		r->error = xstrdup(error);
	json_decref(document);
}

void fleet_rule_clear(struct fleet_rule *r)
{
	wish_clear(r);
	for (size_t i = 0; i < r->n; i++)
		free(r->trials[i].why);
	free(r->trials);
	free(r->id);
}

/* ---- trials ---- */

/* The first trial whose proxy is not before this one. */
static size_t trial_place(const struct fleet_rule *r, unsigned proxy)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (r->trials[middle].proxy < proxy)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct trial *fleet_rule_trial(const struct fleet_rule *r, unsigned proxy)
{
	size_t i = trial_place(r, proxy);

	return i < r->n && r->trials[i].proxy == proxy ? &r->trials[i] : NULL;
}

struct trial *fleet_rule_try(struct fleet_rule *r, unsigned proxy)
{
	size_t i = trial_place(r, proxy);

	if (i < r->n && r->trials[i].proxy == proxy)
		return &r->trials[i];
	if (r->n == r->room)
		r->trials = xrealloc(r->trials, (r->room = r->room * 2 + 8) * sizeof *r->trials);
	memmove(&r->trials[i + 1], &r->trials[i], (r->n++ - i) * sizeof *r->trials);
	r->trials[i] = (struct trial){ .proxy = proxy };
	return &r->trials[i];
}

void trial_forget(struct fleet_rule *r, struct trial *t)
{
	size_t i = (size_t)(t - r->trials);

	free(t->why);
	memmove(t, t + 1, (--r->n - i) * sizeof *t);
}
