/* unmapped.h - addresses that servers told, and before which no proxy stands: what became of them.
 *
 * One table for all workers, which control owns. A worker that finds an address for the first time
 * writes it here, so that it is logged once and gets one proxy. With `unmapped = add` the worker
 * listens on a free port at once, and control makes the proxy of that socket: clients that are
 * quicker wait in its backlog. */
#ifndef ENGINE_UNMAPPED_H
#define ENGINE_UNMAPPED_H

#include <pthread.h>

#include "base/loop.h"
#include "net/address.h"

enum { UNMAPPED_MAX = 1024 };           /* addresses; of further ones only the number is kept */

enum unmapped_fate {
	UNMAPPED_PASSED,                /* clients go there, round every proxy */
	UNMAPPED_HIDDEN,
	UNMAPPED_ADDING,                /* a proxy is being made, which listens at `at` */
	UNMAPPED_ADDED,                 /* every worker has it */
	UNMAPPED_FATES
};

extern const char *const unmapped_fates[UNMAPPED_FATES];        /* "passed", ... */

struct unmapped_address {
	char key[ADDRESS_KEY_MAX];      /* see address_key() */
	unsigned proxy;                 /* the number of the one whose server told it */
	const void *protocol;           /* of that one: one proxy is added per protocol */
	enum unmapped_fate fate;
	uint64_t times;                 /* that it was told ... */
	uint64_t stamp;                 /* ... the last time in this answer */
	struct endpoint at;
	unsigned made;                  /* the number of the proxy that was added; 0: none yet */
};

struct unmapped {
	pthread_mutex_t lock;           /* of all below; held for no system call but a listen */
	size_t n;
	struct unmapped_address *all;   /* UNMAPPED_MAX of them */
	uint64_t beyond;                /* that found no room */
	int64_t most, added;            /* proxies that may be added, and that were */
	struct loop *control;
	void (*add)(struct mail *);     /* runs in control, which frees the addition */
	void *owner;                    /* control's */
};

/* Mail to control: make a proxy like this one before that backend, of this listening socket. */
struct addition {
	struct mail mail;
	struct unmapped *table;
	unsigned proxy;                 /* the number of the one that asks */
	int fd;
	struct endpoint at;
	char backend[ADDRESS_KEY_MAX];
};

void unmapped_init(struct unmapped *);
void unmapped_free(struct unmapped *);

struct telling {                        /* an address in an answer of a proxy's server */
	const char *key;
	unsigned proxy;
	const void *protocol;
	uint64_t stamp;                 /* of the answer: what it tells twice counts once */
};

enum unmapped_news { UNMAPPED_COUNTED, UNMAPPED_AGAIN, UNMAPPED_FIRST };

/* The address as that proxy's server told it, with the lock held: made if it is new, and counted.
 * *news: in this answer it was counted before, it was told before, or nobody has told it yet. NULL:
 * there is no room. */
struct unmapped_address *unmapped_note(struct unmapped *, const struct telling *,
                                       enum unmapped_news *news);

/* Adds how many addresses the servers of these proxies have told, by fate. `proxies` are numbers,
 * the smallest first. The addresses are walked once. */
void unmapped_count(struct unmapped *, const unsigned *proxies, size_t n,
                    size_t (*told)[UNMAPPED_FATES]);

/* Listens for a proxy before the address, where `like` listens, and asks control for it. Returns 0,
 * ENOSPC (so many were added), or another errno. The lock is held. */
int unmapped_add(struct unmapped *, struct unmapped_address *, const struct endpoint *like,
                 int64_t backlog);

/* In control: the proxy of this number was made of the addition; 0: it was not. */
void unmapped_made(struct unmapped *, const struct addition *, unsigned made);

/* In control: every worker has the proxies that were made. */
void unmapped_settled(struct unmapped *, unsigned made);

/* In control: that proxy is gone. */
void unmapped_forget(struct unmapped *, unsigned proxy);

#endif
