/* ask.h - a behavior asked once: options in, verdict out; no clock and no network. */
#ifndef ASK_H
#define ASK_H

#include <stdlib.h>
#include <string.h>

#include "base/dice.h"
#include "spec/option.h"
#include "engine/plan.h"
#include "spec/registry.h"

#include "../unit/unit.h"

static struct block told;               /* the options of the last one asked; texts in its verdict live here */

/* Options are written as "sleep=2 before=false". What the event leaves out is what is usual at its moment; a
 * behavior is not asked at moments that it did not want. */
static inline struct verdict ask(const char *name, const char *options, struct event e)
{
	const struct behavior *b = behavior_find(name);
	const enum role role = e.moment == ON_RESPONSE ? ANSWERS : ASKS;
	const struct message usual = { .role = role, .is = IS_COMMAND, .verb = "QUERY" };
	struct dice made = dice_make(1, "proxy", "rule"), dice = dice_at(&made, 1, e.exchange, e.moment);
	struct verdict v = { .keep = ALL };
	char *texts = strdup(options), *rest = texts, error[SENTENCE];

	assert_non_null(b);
	block_free(&told);
	block_init(&told, b->options, b->opts_size);
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
		e.direction = e.moment == ON_RESPONSE ? RESPONSE : REQUEST;
	if (!e.msg && e.moment & (ON_REQUEST | ON_RESPONSE))
		e.msg = &usual;
	if (b->on & e.moment)
		b->act(&e, &v);
	return v;
}

#define ASK(name, options, ...) ask(name, options, (struct event){ __VA_ARGS__ })

static inline bool says_nothing(struct verdict v)
{
	return verdict_calm(&v) && !v.failure && !v.after;
}

#endif
