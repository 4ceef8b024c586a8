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

static int rules_read(struct settings *s, const char *lines)
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

int run_future_make(struct settings *s, const char *lines)
{
	struct run_settings *run = s->run;
	int code = rules_read(s, lines);

	run->future = xcalloc(s->n_templates + 1, sizeof *run->future);
	for (size_t i = 0; i < s->n_templates && code == -1; i++) {
		struct spec **to = &run->future[run->n_future++];
		*to = spec_like(s->templates[i], "");
		run_behavior_apply(run, to);
		run_rules_apply(run, to, false);
	}
	return code;
}
