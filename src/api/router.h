/* router.h - tables of routes, one per dialect, and the search for a request's route. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "api/request.h"

/* A row of a table. Handlers never block: one that needs the workers' reply returns, and
 * answers when the reply is there. */
struct route {
	const char *method, *path;      /* method NULL: any. Each {} of the path is one segment */
	void (*handle)(struct request *);       /* answers, now or later, exactly once */
	bool of_proxy;                  /* also at /PROXY/path: PROXY is a name or a TCP port */
	bool needs_none;                /* ... and served even when there is no proxy */
};

/* A table of routes, and what its answers have in common. Static: announced by DIALECT() at
 * the foot of its file. */
struct dialect {
	const char *name;
	const struct route *routes;     /* ends with a row without path */
	const char *prefix;             /* paths that begin so are its own, even without a route;
	                                   NULL: none */
	bool (*check)(struct request *);        /* called before a handler. False: it has answered.
	                                           NULL: no check */
	/* Answers with a 404 or 405; NULL: as Vaurien does. */
	void (*not_found)(struct request *, unsigned status);
	/* Its routes come before those of others, as long as this is true. NULL: it is one of the
	 * others. */
	bool (*first)(struct request *);
	bool no_head;                   /* HEAD is not served where GET is */
	struct dialect *next;
};

void dialect_announce(struct dialect *);

#define DIALECT(id, ...) \
	static struct dialect dialect_##id = { .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void dialect_##id##_announce(void) \
	{ dialect_announce(&dialect_##id); }

/* The route of the request's URL; params, proxy and dialect of the request are set. NULL: it was
 * answered. `method` must stay as long as the handler runs. */
const struct route *route_find(struct request *, const char *method);

#endif
