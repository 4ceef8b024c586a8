/* fleet.h - vaurienctl --fleet: the rules of a whole fleet, in etcd. */
#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include "call.h"
#include "fleet/store.h"

struct fleet_flags {                    /* of the command line; NULL: not given */
	const char *url, *ca, *cert, *key, *user;
};

extern struct fleet_flags fleet_flags;  /* url NULL: an ordinary call */

extern const struct action fleet_actions[];

/* ---- fleet_etcd.c: requests that wait for their answer ---- */

/* Checks --fleet and what belongs to it. 0, or the exit code; the sentence is printed. */
int etcd_open(struct call *);
void etcd_close(void);

/* POST; takes the reference. A new reference; NULL: no server answers, which is printed unless
 * c->quiet. */
json_t *etcd_post(struct call *, const char *path, json_t *body);

json_t *etcd_key(const char *folder, const char *name, bool end);  /* base64; `end`: behind all */
json_t *etcd_texts(struct call *, enum store_folder);   /* texts by name; NULL as above */

/* GET /fleet's value, made here. */
json_t *fleet_get(struct call *);

/* ---- fleet_author.c: a rule's author ---- */

struct wish {
	const char *id;
	json_t *document;
	double lasts;                   /* seconds; 0: for as long as we stay */
	const char *guard;              /* a command; NULL: none */
};

/* Writes the rule, and stays with it if it must. The exit code. */
int wish_keep(struct call *, const struct wish *);

#endif
