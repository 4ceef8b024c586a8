/* run_specs.c - the proxies of `vaurien run` that the settings make, and the rules for them. */
#include "config/run_specs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/error.h"

static const struct spec *future_of(const struct settings *s, const struct vn_protocol *p)
{
	for (size_t i = 0; i < s->run->n_future; i++)
		if (s->run->future[i]->protocol == p)
			return s->run->future[i];
	return settings_template(s, p);
}

/* Without the rules that have expired before it was made. */
static struct spec *future_twin(const struct settings *s, const char *name,
                                const struct vn_protocol *p)
{
	struct spec *made = spec_twin(future_of(s, p), name), *lasting;
	vn_nsec next;

	lasting = spec_without_expired(made, clock_monotonic(), &next);
	if (!lasting)
		return made;
	spec_unref(made);
	return lasting;
}

struct spec *run_spec_make(const struct settings *s, const char *name, const char *backend,
                           const struct vn_protocol *p, char error[ERROR_MAX])
{
	struct spec *plain = future_twin(s, name, p);
	struct spec *made = spec_with_backend(plain, backend, error);

	spec_unref(plain);
	if (!made)
		return NULL;
	run_spec_make_private(s->run, made);
	run_rules_apply(s->run, &made, true);
	return made;
}

struct spec *run_spec_recognised(const struct settings *s, const struct spec *from,
                                 const struct vn_protocol *p)
{
	char error[ERROR_MAX];
	struct spec *to = run_spec_make(s, from->name, from->backend.text, p, error);

	assert(to);                     /* the backend was good before */
	gate_unref(to->gate);
	to->gate = gate_ref(from->gate);
	return to;
}

/* ---- rules ---- */

static bool suggests(const char *sentence)
{
	return strstr(sentence, "did you mean");
}

/* Why a rule, or (NULL) the behavior, fits no protocol: the first reason that suggests a name, else
 * the first. NULL: it fits one. To be freed. */
static char *fits_none(const struct settings *s, const char *rule)
{
	char error[ERROR_MAX], other[ERROR_MAX];
	const char *culprit;

	error[0] = '\0';
	for (size_t i = 0; i < s->n_templates; i++) {
		struct spec *t = s->templates[i], *with;
		char *why = error[0] ? other : error;
		with = rule ? spec_with_rule(t->defaults, t, rule, why) :
		              spec_with_behavior(t->defaults, t, s->run->behavior, NULL, &culprit,
		                                 why);
		spec_unref(with);
		if (with)
			return NULL;
		if (why == other && suggests(other) && !suggests(error))
			memcpy(error, other, sizeof error);
	}
	return xstrdup(error);
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

static void rules_read(struct settings *s, const char *lines)
{
	struct run_rule **end = &s->run->rules;

	for (const char *line = lines; line; line = line[strcspn(line, "\n")] ?
	                                            strchr(line, '\n') + 1 : NULL) {
		size_t n = strcspn(line, "\n");
		if (!n)
			continue;
		*end = rule_read(line, n);
		(*end)->fit.none = fits_none(s, (*end)->text);
		end = &(*end)->next;
	}
}

void run_future_make(struct settings *s, const char *lines)
{
	struct run_settings *run = s->run;

	rules_read(s, lines);
	run->behavior_fit.none = fits_none(s, NULL);
	run->future = xcalloc(s->n_templates + 1, sizeof *run->future);
	for (size_t i = 0; i < s->n_templates; i++) {
		struct spec **to = &run->future[run->n_future++];
		*to = spec_like(s->templates[i], "");
		run_behavior_apply(run, to);
		run_rules_apply(run, to, false);
	}
}

int run_fits_check(const struct settings *s)
{
	const struct run_fit *behavior = &s->run->behavior_fit;

	for (const struct run_rule *r = s->run->rules; r; r = r->next)
		if (r->fit.none && !r->fit.taken)
			return value_error("%s%s", strncmp(r->fit.none, "rule: ", 6) ? "rule: " :
			                                                              "",
			                   r->fit.none);
	return behavior->none && !behavior->taken ? value_error("behavior: %s", behavior->none) :
	                                            -1;
}
