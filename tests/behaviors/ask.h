/* ask.h - one call of a behavior: options in, verdict out; no clock, no network. */
#ifndef ASK_H
#define ASK_H

#include <stdlib.h>
#include <string.h>

#include "base/dice.h"
#include "rules/plan.h"
#include "rules/verdict.h"
#include "spec/option.h"
#include "spec/registry.h"

#include "../unit/unit.h"

static struct opt_values given;          /* of the last call; texts in its verdict live here */

/* `options`: "sleep=2 before=false". Fields that the event leaves out get the usual values of its
 * moment. At a moment that the behavior does not want, the verdict changes nothing. */
static inline struct vn_verdict ask(const char *name, const char *options, struct vn_event e)
{
	const struct vn_behavior *b = behavior_find(name);
	const enum vn_role role = e.moment == VN_ON_RESPONSE ? VN_ANSWERS : VN_ASKS;
	const struct vn_message usual = { .role = role, .is = VN_IS_COMMAND, .verb = "QUERY" };
	struct vn_dice made = dice_make(1, "proxy", "rule");
	struct vn_dice dice = dice_at(&made, 1, e.exchange, e.moment);
	struct vn_verdict v = { .keep = VN_ALL };
	char *texts = strdup(options), *rest = texts, error[ERROR_MAX];

	assert_non_null(b);
	opt_values_free(&given);
	opt_values_init(&given, b->options, b->opts_size);
	for (char *word, *value; (word = strsep(&rest, " "));) {
		if (!(value = strchr(word, '=')))
			continue;
		*value++ = '\0';
		assert_non_null(opt_find(b->options, word));
		if (!opt_set_text(&given, opt_find(b->options, word), value, error))
			fail_msg("%s", error);
	}
	free(texts);
	e.opts = given.opts;
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

static inline bool changes_nothing(struct vn_verdict v)
{
	return verdict_calm(&v) && !v.failure && !v.after;
}

#endif
