/* run_settings.c - the settings of `vaurien run`: the command, and which connections it is about. */
#include "config/run_settings.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/error.h"
#include "config/settings.h"

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
	if (!run->told)
		log_warning("behavior \"%s\" does not apply to %s, nor to other proxies that it "
		            "does not fit: %s", run->behavior, (*to)->name, error);
	run->told = true;
}

static bool rule_means(const struct run_rule *r, const char *name)
{
	return !r->glob || !fnmatch(r->glob, name, 0);
}

void run_rules_apply(struct run_settings *run, struct spec **to)
{
	char error[ERROR_MAX];

	for (struct run_rule *r = run->rules; r; r = r->next) {
		if (!rule_means(r, (*to)->name))
			continue;
		struct spec *now = spec_with_rule((*to)->defaults, *to, r->text, error);
		if (now) {
			spec_become(to, now);
			continue;
		}
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

struct spec *run_spec_make(const struct settings *s, const char *name, const char *backend,
                           const struct vn_protocol *p, char error[ERROR_MAX])
{
	struct spec *plain = spec_like(settings_template(s, p), name);
	struct spec *made = spec_with_backend(plain, backend, error);

	spec_unref(plain);
	if (!made)
		return NULL;
	run_spec_make_private(s->run, made);
	run_behavior_apply(s->run, &made);
	run_rules_apply(s->run, &made);
	return made;
}

/* ---- rules ---- */

/* A rule that fits no protocol would never strike. `error` has the first reason. */
static bool rule_fits_any(const struct settings *s, const char *text, char error[ERROR_MAX])
{
	char other[ERROR_MAX];

	error[0] = '\0';
	for (size_t i = 0; i < s->n_templates; i++) {
		struct spec *t = s->templates[i];
		struct spec *with = spec_with_rule(t->defaults, t, text, error[0] ? other : error);
		spec_unref(with);
		if (with)
			return true;
	}
	return false;
}

/* "db: error times=1", or "error times=1". */
static struct run_rule *rule_read(const char *line, size_t n)
{
	struct run_rule *r = xcalloc(1, sizeof *r);
	char *text = xstrndup(line, n);
	size_t start = strspn(text, " \t"), word = strcspn(text + start, " \t");

	if (word > 1 && text[start + word - 1] == ':') {
		r->glob = xstrndup(text + start, word - 1);
		start += word;
	}
	start += strspn(text + start, " \t");
	r->text = xstrdup(text + start);
	free(text);
	return r;
}

int run_rules_read(struct settings *s, const char *lines)
{
	struct run_rule **end = &s->run->rules;
	char error[ERROR_MAX];

	for (const char *line = lines; line; line = line[strcspn(line, "\n")] ?
	                                            strchr(line, '\n') + 1 : NULL) {
		size_t n = strcspn(line, "\n");
		if (!n)
			continue;
		*end = rule_read(line, n);
		if (!rule_fits_any(s, (*end)->text, error))
			return value_error("%s%s", strncmp(error, "rule: ", 6) ? "rule: " : "",
			                   error);
		end = &(*end)->next;
	}
	return -1;
}
