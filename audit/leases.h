/* leases.h - the rules that a scenario has in force, and when each is to be renewed. */
#ifndef AUDIT_LEASES_H
#define AUDIT_LEASES_H

#include <stdbool.h>
#include <stddef.h>

#define RULE_TTL   10.0                 /* seconds: it ends so long after the last renewal */
#define RULE_RENEW 3.0

struct lease {
	const void *owner;              /* the phase, or what else it belongs to */
	const char *proxy;              /* borrowed */
	char name[24];                  /* "audit-7" */
	double renewed;
};

struct lease_calls {
	void (*put_rule)(void *user, const char *proxy, const char *name, const char *words,
	                 double ttl);
	void (*renew_rule)(void *user, const char *proxy, const char *name, double ttl);
	void (*remove_rule)(void *user, const char *proxy, const char *name);
};

struct leases {
	const struct lease_calls *calls;
	void *user;
	unsigned named;                 /* rules so far: no name comes twice */
	size_t n;
	struct lease *at;
};

void leases_put(struct leases *, const void *owner, const char *proxy, const char *words,
                double now);

/* Remove the rules of an owner, of a proxy (NULL: of all). */
void leases_remove(struct leases *, const void *owner, const char *proxy);
void leases_remove_all(struct leases *);
bool leases_has(const struct leases *, const void *owner, const char *proxy);

void leases_renew(struct leases *, double now);         /* those that are due */
double leases_next(const struct leases *, double limit);        /* when one is due; or `limit` */
void leases_free(struct leases *);

#endif
