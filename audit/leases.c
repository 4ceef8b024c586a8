/* leases.c - the rules that a scenario has in force, and when each is to be renewed. */
#include "audit/leases.h"

#include <stdio.h>

#include "base/memory.h"

void leases_put(struct leases *l, const void *owner, const char *proxy, const char *words,
                double now)
{
	struct lease lease = { owner, proxy, "", now };

	snprintf(lease.name, sizeof lease.name, "audit-%u", ++l->named);
	l->at = xrealloc(l->at, (l->n + 1) * sizeof *l->at);
	l->at[l->n++] = lease;
	l->calls->put_rule(l->user, proxy, lease.name, words, RULE_TTL);
}

static bool is_of(const struct lease *lease, const void *owner, const char *proxy)
{
	return lease->owner == owner && (!proxy || !strcmp(lease->proxy, proxy));
}

void leases_remove(struct leases *l, const void *owner, const char *proxy)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (is_of(&l->at[i], owner, proxy))
			l->calls->remove_rule(l->user, l->at[i].proxy, l->at[i].name);
		else
			l->at[kept++] = l->at[i];
	}
	l->n = kept;
}

void leases_remove_all(struct leases *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->calls->remove_rule(l->user, l->at[i].proxy, l->at[i].name);
	l->n = 0;
}

bool leases_has(const struct leases *l, const void *owner, const char *proxy)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_of(&l->at[i], owner, proxy))
			return true;
	return false;
}

void leases_renew(struct leases *l, double now)
{
	for (size_t i = 0; i < l->n; i++) {
		struct lease *lease = &l->at[i];
		if (now < lease->renewed + RULE_RENEW)
			continue;
		lease->renewed = now;
		l->calls->renew_rule(l->user, lease->proxy, lease->name, RULE_TTL);
	}
}

double leases_next(const struct leases *l, double limit)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].renewed + RULE_RENEW < limit)
			limit = l->at[i].renewed + RULE_RENEW;
	return limit;
}

void leases_free(struct leases *l)
{
	free(l->at);
}
