/* defaults.c - the default options of each behavior. */
#include "spec/defaults.h"

#include <stdlib.h>

#include "base/memory.h"
#include "spec/option_json.h"
#include "spec/registry.h"

struct defaults *defaults_make(void)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	struct defaults *d = xcalloc(1, sizeof *d + n * sizeof *d->of);
	d->refs = 1;
	d->n = n;
	for (size_t i = 0; i < n; i++) {
		d->of[i].behavior = all[i];
		opt_values_init(&d->of[i].values, all[i]->options, all[i]->opts_size);
	}
	return d;
}

struct defaults *defaults_copy(const struct defaults *from)
{
	struct defaults *d = xcalloc(1, sizeof *d + from->n * sizeof *d->of);
	d->refs = 1;
	d->n = from->n;
	for (size_t i = 0; i < d->n; i++) {
		d->of[i].behavior = from->of[i].behavior;
		opt_values_copy(&d->of[i].values, &from->of[i].values);
	}
	return d;
}

struct defaults *defaults_ref(struct defaults *d)
{
	if (d)
		d->refs++;
	return d;
}

void defaults_unref(struct defaults *d)
{
	if (!d || --d->refs)
		return;
	for (size_t i = 0; i < d->n; i++)
		opt_values_free(&d->of[i].values);
	free(d);
}

const struct opt_values *defaults_of(const struct defaults *d, const struct vn_behavior *behavior)
{
	for (size_t i = 0; d && i < d->n; i++)
		if (d->of[i].behavior == behavior)
			return &d->of[i].values;
	return NULL;
}

bool defaults_same(const struct defaults *a, const struct defaults *b)
{
	bool same = a && b && a->n == b->n;

	for (size_t i = 0; same && a != b && i < a->n; i++)
		same = a->of[i].behavior == b->of[i].behavior &&
		       opt_values_same(&a->of[i].values, &b->of[i].values);
	return same;
}
