/* etcd_view.h - the keys of one folder, as etcd has them: a list, then what changes from there on.
 *
 *	list (page by page, at one revision) -> left times of leases -> watch from there -> ...
 *
 * A watch that ends, is compacted away, or has missed something begins with a new list. */
#ifndef FLEET_ETCD_VIEW_H
#define FLEET_ETCD_VIEW_H

#include "fleet/etcd_link.h"
#include "fleet/store.h"

enum view_state { VIEW_OFF, VIEW_LISTS, VIEW_WATCHES };

struct etcd_view {
	/* ---- set before view_start() ---- */
	struct etcd_link *link;
	struct loop *loop;
	enum store_folder folder;
	struct store_user *user;
	bool leases;                    /* tell how long each key has left */
	void (*failed)(struct etcd_view *, const char *error);  /* the server does not answer */
	void (*listed)(struct etcd_view *);     /* or NULL */

	/* ---- etcd_view.c's ---- */
	enum view_state state;
	struct web_request list, watch, lease, check;
	struct timer again;             /* when the next list begins */
	int64_t revision;               /* seen so far */
	int page;                       /* keys asked for at a time */
	bool behind;                    /* it was, at the last check */
	json_t *found;                  /* by the list so far: entries of etcd */
	size_t told;                    /* of them */
	json_t *names;                  /* a set: the keys that there are */
};

void view_start(struct etcd_view *);    /* also anew */
void view_stop(struct etcd_view *);     /* also one that was never started; frees what it has */

/* Compare with the server: a watch that has missed something is begun anew. */
void view_check(struct etcd_view *);

#endif
