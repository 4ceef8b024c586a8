/* fleet.h - this program as a member of a fleet: it takes its rules from a store, and reports.
 *
 *	store -> fleet rules -> which are for us? -> rules of proxies
 *	store <- the member, and what became of the rules
 *
 * Safe by itself: a rule ends when its key goes, or its deadline passes by our own clock. All end
 * when the store has been out of reach for STORE_LEASE seconds. Control thread only. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "control/control.h"

struct fleet;

/* `api`: the address of our API, "http://HOST:PORT"; NULL: there is none. NULL: `error` has one
 * sentence. Nothing waits for the store. */
struct fleet *fleet_start(struct control *, const char *api, char error[ERROR_MAX]);

/* The program ends: the member's keys are taken away. False: there is nothing to wait for. True:
 * `left` is called when the store has answered, or has not in 300 ms. */
bool fleet_leave(struct fleet *, void (*left)(void *user), void *user);
void fleet_free(struct fleet *);

/* The whole fleet, as GET /fleet shows it. Calls `done` once, unless it is cancelled. `all` is
 * borrowed; NULL: `error` says why. */
struct fleet_query {
	void (*done)(struct fleet_query *, const json_t *all, const char *error);
	void *private;
};

void fleet_query(struct fleet *, struct fleet_query *);

/* The program's fleet; NULL: it is in none. */
struct fleet *fleet_here(void);

#endif
