/* registry.c - all behaviors and protocols, by name: those built in and those of plugins. */
#include "spec/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct list { const void **at; size_t n; bool sorted; };

static struct list behaviors, protocols;

static void list_add(struct list *list, const void *guest)
{
	list->at = xrealloc(list->at, (list->n + 1) * sizeof list->at[0]);
	list->at[list->n++] = guest;
	list->sorted = false;
}

void vn_behavior_announce(const struct vn_behavior *b) { list_add(&behaviors, b); }
void vn_protocol_announce(const struct vn_protocol *p) { list_add(&protocols, p); }

/* A guest with another ABI cannot be read: it sorts first, and registry_error() reports it. */
static const char *behavior_name(const void *guest)
{
	const struct vn_behavior *b = guest;
	return b->abi == VAURIEN_ABI && b->name ? b->name : "";
}

static const char *protocol_name(const void *guest)
{
	const struct vn_protocol *p = guest;
	return p->abi == VAURIEN_ABI && p->name ? p->name : "";
}

static int behavior_order(const void *a, const void *b)
{
	return strcmp(behavior_name(*(const void *const *)a),
	              behavior_name(*(const void *const *)b));
}

static int protocol_order(const void *a, const void *b)
{
	return strcmp(protocol_name(*(const void *const *)a),
	              protocol_name(*(const void *const *)b));
}

/* Sorted on first use: constructors run in no particular order. */
static const void *const *list_all(struct list *list, int (*order)(const void *, const void *),
                                   size_t *n)
{
	if (!list->sorted && list->n)
		qsort(list->at, list->n, sizeof list->at[0], order);
	list->sorted = true;
	*n = list->n;
	return list->at;
}

const struct vn_behavior *const *behaviors_all(size_t *n)
{
	return (const struct vn_behavior *const *)list_all(&behaviors, behavior_order, n);
}

const struct vn_protocol *const *protocols_all(size_t *n)
{
	return (const struct vn_protocol *const *)list_all(&protocols, protocol_order, n);
}

const struct vn_behavior *behavior_find(const char *name)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	for (size_t i = 0; i < n; i++)
		if (*name && !strcmp(behavior_name(all[i]), name))
			return all[i];
	return NULL;
}

const struct vn_protocol *protocol_find(const char *name)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		if (*name && !strcmp(protocol_name(all[i]), name))
			return all[i];
	return NULL;
}

const char *behavior_suggest(const char *word, char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = word };
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);

	for (size_t i = 0; i < n; i++)
		suggest_try(&near, behavior_name(all[i]));
	return suggest_show(&near, "", buffer);
}

const char *protocol_suggest(const char *word, char buffer[SUGGEST_MAX])
{
	struct suggestion near = { .word = word };
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	for (size_t i = 0; i < n; i++)
		suggest_try(&near, protocol_name(all[i]));
	return suggest_show(&near, "", buffer);
}
