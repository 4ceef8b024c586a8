/* ask.h - a behavior asked once: options in, verdict out; no clock and no network. */
#ifndef ASK_H
#define ASK_H

#include <stdlib.h>
#include <string.h>

#include "base/dice.h"
#include "spec/option.h"
#include "engine/plan.h"
#include "engine/verdict.h"
#include "spec/registry.h"

#include "../unit/unit.h"

static struct opt_values told;               /* the options of the last one asked; texts in its verdict live here */

/* Options are written as "sleep=2 before=false". What the event leaves out is what is usual at its moment; a
 * behavior is not asked at moments that it did not want. */
static inline struct vn_verdict ask(const char *name, const char *options, struct vn_event e)
{
	const struct vn_behavior *b = behavior_find(name);
	const enum vn_role role = e.moment == VN_ON_RESPONSE ? VN_ANSWERS : VN_ASKS;
	const struct vn_message usual = { .role = role, .is = VN_IS_COMMAND, .verb = "QUERY" };
	struct vn_dice made = dice_make(1, "proxy", "rule"), dice = dice_at(&made, 1, e.exchange, e.moment);
	struct vn_verdict v = { .keep = VN_ALL };
	char *texts = strdup(options), *rest = texts, error[ERROR_MAX];

	assert_non_null(b);
	opt_values_free(&told);
	opt_values_init(&told, b->options, b->opts_size);
	for (char *word, *value; (word = strsep(&rest, " "));) {
		if (!(value = strchr(word, '=')))
			continue;
		*value++ = '\0';
		assert_non_null(opt_find(b->options, word));
		if (!opt_set_text(&told, opt_find(b->options, word), value, error))
			fail_msg("%s", error);
	}
	free(texts);
	e.opts = told.opts;
	e.dice = &dice;
	if (!e.direction)
		e.direction = e.moment == VN_ON_RESPONSE ? VN_RESPONSE : VN_REQUEST;
	if (!e.msg && e.moment & (VN_ON_REQUEST | VN_ON_RESPONSE))
		e.msg = &usual;
	if (b->on & e.moment)
		b->act(&e, &v);
	return v;
}

#define ASK(name, options, ...) ask(name, options, (struct vn_event){ __VA_ARGS__ })

static inline bool says_nothing(struct vn_verdict v)
{
	return verdict_calm(&v) && !v.failure && !v.after;
}

#endif
