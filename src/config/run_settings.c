/* run_settings.c - settings of `vaurien run`: the command, and the connections it is about. */
#include "config/run_settings.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

void run_settings_free(struct run_settings *run)
{
	if (!run)
		return;
	for (struct run_rule *r = run->rules, *next; r; r = next) {
		next = r->next;
		free(r->glob);
		free(r->text);
		free(r);
	}
	for (size_t i = 0; i < run->n_future; i++)
		spec_unref(run->future[i]);
	free(run->future);
	free(run->only);
	free(run->except);
	free(run->behavior);
	free(run);
}

/* ---- specs ---- */

static void spec_become(struct spec **at, struct spec *now)
{
	spec_unref(*at);
	*at = now;
}

void run_behavior_apply(struct run_settings *run, struct spec **to)
{
	char error[ERROR_MAX];
	const char *culprit;
	struct spec *now = spec_with_behavior((*to)->defaults, *to, run->behavior, NULL, &culprit,
	                                      error);

	if (now) {
		spec_become(to, now);
		return;
	}
	if (!*(*to)->name)              /* of proxies to come: each says it for itself */
		return;
	if (!run->told)
		log_warning("behavior \"%s\" does not apply to %s, nor to other proxies that it "
		            "does not fit: %s", run->behavior, (*to)->name, error);
	run->told = true;
}

static bool rule_means(const struct run_rule *r, const char *name)
{
	return !r->glob || (*name && !fnmatch(r->glob, name, 0));
}

void run_rules_apply(struct run_settings *run, struct spec **to, bool named_only)
{
	char error[ERROR_MAX];

	for (struct run_rule *r = run->rules; r; r = r->next) {
		if (!rule_means(r, (*to)->name) || (named_only && !r->glob))
			continue;
		struct spec *now = spec_with_rule((*to)->defaults, *to, r->text, error);
		if (now) {
			spec_become(to, now);
			continue;
		}
		if (!*(*to)->name)
			continue;
		if (!r->told)
			log_info("rule \"%s\" does not apply to %s, nor to other proxies that it "
			         "does not fit: %s", r->text, (*to)->name, error);
		r->told = true;
	}
}

void run_spec_make_private(const struct run_settings *run, struct spec *s)
{
	char text[128], error[ERROR_MAX];

	address_free(&s->listen);
	bool good = address_parse(&s->listen, run->at.len ? endpoint_show(&run->at, text,
	                                                                  sizeof text) :
	                                                    "127.0.0.1:0", error, sizeof error);
	assert(good);
	s->gate = gate_make(s->backend.text);
}
