/* scenario.c - how scenarios are found and named. */
#include "audit/scenario.h"

#include <string.h>

const struct scenario *scenario_find(const struct scenarios *all, const char *name)
{
	for (size_t i = all->n; i-- > 0;)
		if (!strcmp(all->at[i]->name, name))
			return all->at[i];
	return NULL;
}

const char *scenario_suggest(const struct scenarios *all, const char *name,
                             char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = name };

	for (size_t i = 0; i < all->n; i++)
		suggest_try(&near, all->at[i]->name);
	return suggest_show(&near, "", buffer);
}

const char *scenario_summary(const struct scenario *s, const char *proxy, char *buffer, size_t size)
{
	static const char mark[] = "{proxy}";
	const char *text = *s->summary ? s->summary : *s->question ? s->question : s->name;
	const char *at;

	*buffer = '\0';
	while ((at = strstr(text, mark))) {
		text_add(buffer, size, "%.*s%s", (int)(at - text), text, proxy);
		text = at + sizeof mark - 1;
	}
	text_add(buffer, size, "%s", text);
	return buffer;
}
