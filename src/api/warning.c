/* warning.c - warnings about rules that were set, in the log and in the answer. */
#include "api/warning.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "spec/rule_warning.h"

static bool rule_there(const struct spec *s, uint64_t id)
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (s->rules[i].id == id)
			return true;
	return false;
}

void rules_warn(const struct proxy *p, const struct spec *to, const char *name, json_t *answer,
                bool logged)
{
	char warning[ERROR_MAX], all[4 * ERROR_MAX] = "";
	struct totals t;

	proxy_totals(p, &t);
	for (unsigned i = 0; i < to->n_rules; i++) {
		const struct rule_spec *r = &to->rules[i];
		if (name ? strcmp(r->name, name) : rule_there(proxy_spec(p), r->id))
			continue;
		if (!rule_warning(r, totals_open(&t, STAT_OPENED, STAT_CLOSED), warning))
			continue;
		if (logged)
			log_warning("proxy=%s rule=%s %s", to->name, r->name, warning);
		text_add(all, sizeof all, "%s%s", *all ? "; " : "", warning);
	}
	if (*all && answer)
		json_object_set_new(answer, "warning", json_text(all));
}
