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
		free(r->fit.none);
		free(r);
	}
	for (size_t i = 0; i < run->n_future; i++)
		spec_unref(run->future[i]);
	free(run->future);
	free(run->only);
	free(run->except);
	free(run->behavior);
	json_decref(run->behavior_options);
	free(run->behavior_fit.none);
	free(run);
}

/* ---- specs ---- */

static void spec_become(struct spec **at, struct spec *now)
{
	spec_unref(*at);
	*at = now;
}

static void misfit_tell(struct run_fit *fit, const char *what, const char *text, const char *name,
                        const char *why)
{
	/* if it fits nothing at all, that is an error of the command line */
	if (!fit->told && (!fit->none || fit->taken))
		log_warning("%s \"%s\" does not apply to %s, nor to other proxies that it does "
		            "not fit: %s", what, text, name, why);
	fit->told |= !fit->none || fit->taken;
}

void run_behavior_unfit(struct run_settings *run, const char *name, const char *why)
{
	misfit_tell(&run->behavior_fit, "behavior", run->behavior, name, why);
}

void run_behavior_set(struct run_settings *run, const char *behavior, const json_t *options)
{
	char *text = xstrdup(behavior); /* it may be the one of before */

	free(run->behavior);
	run->behavior = text;
	json_decref(run->behavior_options);
	run->behavior_options = json_deep_copy(options);
	free(run->behavior_fit.none);
	run->behavior_fit = (struct run_fit){ .none = NULL };
}

static struct spec *with_behavior(const struct run_settings *run, const struct spec *from,
                                  char error[ERROR_MAX])
{
	const char *culprit;

	return spec_with_behavior(from->defaults, from, run->behavior, run->behavior_options,
	                          &culprit, error);
}

/* Proxies to come have no name: each is told of when it comes. */
void run_behavior_apply(struct run_settings *run, struct spec **to)
{
	char error[ERROR_MAX];
	struct spec *now = with_behavior(run, *to, error);

	if (now) {
		run->behavior_fit.taken |= *(*to)->name;
		spec_become(to, now);
	} else if (*(*to)->name) {
		run_behavior_unfit(run, (*to)->name, error);
	}
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
			r->fit.taken |= *(*to)->name;
			spec_become(to, now);
		} else if (*(*to)->name && !named_only) {
			misfit_tell(&r->fit, "rule", r->text, (*to)->name, error);
		}
	}
}

bool run_misfits_tell(struct run_settings *run, const struct spec *plain, const char *name)
{
	char error[ERROR_MAX];
	struct spec *with = with_behavior(run, plain, error);
	bool all = with;

	if (!with)
		run_behavior_unfit(run, name, error);
	spec_unref(with);
	for (struct run_rule *r = run->rules; r; r = r->next) {
		if (!rule_means(r, name))
			continue;
		with = spec_with_rule(plain->defaults, plain, r->text, error);
		if (!with)
			misfit_tell(&r->fit, "rule", r->text, name, error);
		all &= with != NULL;
		spec_unref(with);
	}
	return !all;
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
