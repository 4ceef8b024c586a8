/* overrides.c - the program's options, with what one proxy overrides. */
#include "config/overrides.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/error.h"
#include "spec/option_json.h"
#include "spec/registry.h"
#include "spec/rule_check.h"

/* The copy in `own` of the values `b` of `all`. */
static struct opt_values *values_of(struct parse *own, const struct parse *all,
                                    const struct opt_values *b)
{
	size_t n;

	if (b == &all->core)
		return &own->core;
	if (b == &all->tls)
		return &own->tls;
	protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		if (b == &all->protocols[i])
			return &own->protocols[i];
	for (size_t i = 0; i < all->defaults->n; i++)
		if (b == &all->defaults->of[i].values)
			return &own->defaults->of[i].values;
	return NULL;
}

void overrides_begin(struct parse *own, const struct parse *all)
{
	size_t n;

	*own = (struct parse){ .options = all->options, .settings = all->settings };
	opt_values_copy(&own->core, &all->core);
	opt_values_copy(&own->tls, &all->tls);
	own->raw = own->core.opts;
	protocols_all(&n);
	own->protocols = xcalloc(n + 1, sizeof *own->protocols);
	own->flags.at = xcalloc(all->flags.n, sizeof *own->flags.at);
	for (size_t i = 0; i < n; i++)
		opt_values_copy(&own->protocols[i], &all->protocols[i]);
	own->defaults = defaults_copy(all->defaults);
	own->flags.n = all->flags.n;
	for (size_t i = 0; i < all->flags.n; i++) {
		own->flags.at[i] = all->flags.at[i];
		own->flags.at[i].values = values_of(own, all, all->flags.at[i].values);
	}
}

void overrides_free(struct parse *own)
{
	size_t n;

	protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		opt_values_free(&own->protocols[i]);
	free(own->protocols);
	defaults_unref(own->defaults);
	free(own->flags.at);
	opt_values_free(&own->tls);
	opt_values_free(&own->core);
}

static void flag_reset(struct parse *own, const char *name)
{
	char ignored[ERROR_MAX];
	struct flag *f = flags_own(&own->flags, name);

	if (f->opt->def)
		opt_set_text(f->values, f->opt, f->opt->def, ignored);
	else
		opt_set_json(f->values, f->opt, json_null(), ignored);
	f->level = 0;
}

void overrides_forget(struct parse *own, bool first, bool addressed)
{
	flag_reset(own, "rule");        /* lines_add() reads the program's rules for each proxy */
	if (!addressed) {
		flag_reset(own, "proxy");
		flag_reset(own, "backend");
		flag_reset(own, "known-as");
	}
	if (!first) {
		flag_reset(own, "behavior");
		flag_reset(own, "protocol");
	}
}

/* Does a lower level override the same flag? */
static bool nearer_overrides(const struct proxy_config *p, const struct override *s)
{
	for (const struct override *t = p->overrides; t; t = t->next)
		if (t->flag == s->flag && t->level < s->level)
			return !s->flag->many;
	return false;
}

int overrides_apply(struct parse *own, const struct proxy_config *p, bool addressed)
{
	char error[ERROR_MAX];

	for (const struct override *s = p->overrides; s; s = s->next) {
		struct flag *f = flags_own(&own->flags, s->flag->name);
		bool program_nearer = addressed && f->level && f->level < s->level && !f->many;
		if (program_nearer || nearer_overrides(p, s))
			continue;
		f->level = 0;                   /* override what the program set */
		if (!flag_set(f, s->value, s->level, error))
			return value_error("%s", error);
	}
	return -1;
}

static bool overrides_flag(const struct proxy_config *p, const struct flag *f)
{
	for (const struct override *s = p->overrides; s; s = s->next)
		if (!strcmp(s->flag->name, f->name))
			return true;
	return false;
}

void overrides_drop_unfit(struct parse *own, const struct proxy_config *p)
{
	const struct vn_protocol *protocol = protocol_find(own->raw->protocol);
	const char *culprit;
	char ignored[ERROR_MAX];

	for (size_t i = 0; protocol && i < own->flags.n; i++) {
		struct flag *f = &own->flags.at[i];
		if (f->opt->type != VN_OPT_FAILURE || !f->level || overrides_flag(p, f) ||
		    rule_check_failures(protocol, f->values, &culprit, ignored))
			continue;
		opt_set_json(f->values, f->opt, json_null(), ignored);
		f->level = 0;
	}
}
