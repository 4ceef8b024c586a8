/* left.c - tally of the connections that were left alone: where to, why, how often. */
#include "run/left.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

enum { LEFT_MAX = 1000 };               /* entries; the rest is counted together */

struct left_entry *left_note(struct left *l, const char *to, const char *why)
{
	static struct left_entry more;
	struct left_entry *e = l->of;

	while (e < l->of + l->n && (strcmp(e->to, to) || strcmp(e->why, why)))
		e++;
	if (e == l->of + l->n) {
		if (l->n == LEFT_MAX) {
			l->more++;
			return &more;
		}
		if (l->n == l->room) {
			l->room = l->room ? l->room * 2 : 16;
			l->of = xrealloc(l->of, l->room * sizeof *l->of);
		}
		e = &l->of[l->n++];
		*e = (struct left_entry){ .why = why };
		snprintf(e->to, sizeof e->to, "%s", to);
	}
	e->count++;
	return e;
}

json_t *left_json(const struct left *l)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct left_entry *e = &l->of[i];
		json_t *one = json_pack("{s:o, s:I, s:s}", "to", json_text(e->to),
		                        "count", (json_int_t)e->count, "why", e->why);
		if (*e->process)
			json_object_set_new(one, "process", json_text(e->process));
		json_array_append_new(all, one);
	}
	if (l->more)
		json_array_append_new(all, json_pack("{s:s, s:I, s:s}", "to", "others", "count",
		                                     (json_int_t)l->more, "why", "too many"));
	return all;
}

void left_free(struct left *l)
{
	free(l->of);
}
