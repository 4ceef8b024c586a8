/* store.h - where a fleet keeps what it wishes and what became of it: keys and texts.
 *
 *	PREFIX/rules/NAME       a fleet rule, which its author wrote
 *	PREFIX/members/NAME     a member: its labels, its proxies; gone with the member's lease
 *	PREFIX/status/NAME      what became of the rules at that member; under the same lease
 *
 * etcd.c is the one store that there is. No other file knows of etcd, so another store would be
 * another file. Control thread only; nothing waits: what happened is told by callbacks. */
#ifndef FLEET_STORE_H
#define FLEET_STORE_H

#include <jansson.h>

#include "base/loop.h"
#include "base/text.h"

enum store_folder { STORE_RULES, STORE_MEMBERS, STORE_STATUS, STORE_FOLDERS };

extern const char *const store_folders[STORE_FOLDERS];  /* "rules" ... */

enum { STORE_LEASE = 15 };              /* seconds: a member that is silent for so long is gone */

struct store_settings {                 /* borrowed for the life of the store */
	const char *url;                /* etcd://HOST:PORT[,HOST:PORT]/PREFIX; etcds: with TLS */
	const char *ca, *cert, *key;    /* paths; NULL: not given */
	const char *user;               /* NAME:PASSWORD; NULL: none */
};

/* A key as the store has it. */
struct store_entry {
	const char *name;               /* behind the folder; NUL-terminated */
	const char *text; size_t n;     /* NULL: the key is gone */
	uint64_t version;               /* greater with each change of the key */
	bool leased;                    /* it hangs on a lease ... */
	double left;                    /* ... for so many seconds; < 0: not known */
};

struct store_user {
	/* A key of a watched folder is there, has changed or is gone. */
	void (*entry)(struct store_user *, enum store_folder, const struct store_entry *);
	/* All keys of the folder are told: those of before that were not told again are gone. */
	void (*listed)(struct store_user *, enum store_folder);
	/* The store has answered: what was told is true until now. */
	void (*reached)(struct store_user *);
	/* One sentence for the log: it is out of reach, or refuses. */
	void (*trouble)(struct store_user *, const char *sentence);
};

struct store;

/* Checks the settings and begins to connect. NULL: `error` has one sentence. */
struct store *store_open(struct loop *, const struct store_settings *, const char *member,
                         struct store_user *, char error[ERROR_MAX]);

/* Ask the store to remove the member's keys. False: it is out of reach; they go with the lease.
 * True: `left` is called when it has answered, or has not in 300 ms. */
bool store_leave(struct store *, void (*left)(void *user), void *user);
void store_close(struct store *);

/* Keep this text under the member's name while the store is open. */
void store_publish(struct store *, enum store_folder, const char *text);

/* Tell of the folder's keys from now on, or no more. Rules are watched from the start. */
void store_watch(struct store *, enum store_folder, bool);

/* The folder's keys with their texts, once: an object, borrowed; NULL: `error` says why. */
struct store_list {
	void (*done)(struct store_list *, const json_t *texts, const char *error);
	enum store_folder folder;
	void *private;
};

void store_list(struct store *, struct store_list *);
void store_list_cancel(struct store_list *);

/* For vaurienctl, too: "etcd://a:2379,b:2379/shop" to its parts, {"endpoints": [URL ...],
 * "prefix": "/shop/"}. `tls`: even for etcd://. NULL: `error` has one sentence. */
json_t *store_url_read(const char *url, bool tls, char error[ERROR_MAX]);

#endif
