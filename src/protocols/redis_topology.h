/* redis_topology.h - servers' addresses in what Redis Cluster and Sentinel say. */
#ifndef PROTOCOLS_REDIS_TOPOLOGY_H
#define PROTOCOLS_REDIS_TOPOLOGY_H

#include "vaurien.h"

/* Where addresses stand in a reply; at most 16, for message.note. */
enum told {
	TOLD_NOTHING,
	TOLD_SLOTS,                     /* CLUSTER SLOTS */
	TOLD_SHARDS,                    /* CLUSTER SHARDS */
	TOLD_NODES,                     /* CLUSTER NODES: a text of lines */
	TOLD_LINES,                     /* CLUSTER REPLICAS: a list of such lines */
	TOLD_MASTER,                    /* SENTINEL GET-MASTER-ADDR-BY-NAME */
	TOLD_INSTANCE,                  /* SENTINEL MASTER: keys and values */
	TOLD_INSTANCES,                 /* SENTINEL MASTERS, REPLICAS, SENTINELS: lists of such */
	TOLD_ROLE,                      /* ROLE */
	TOLD_INFO,                      /* INFO: a text of lines, "NAME:VALUE" */
	TOLD_REDIRECTION,               /* MOVED, ASK: an error to any command */
	TOLD_NEWS,                      /* of Sentinel: +switch-master and the like */
	TOLD_RUN,                       /* EXEC: the replies of what it has run */
	TOLD_LATER,                     /* more bytes are needed to know */
};

enum edit {
	EDIT_WAIT,                      /* the reply is not whole yet */
	EDIT_NONE,                      /* it stays as it is */
	EDIT_DONE,                      /* session->scratch has what takes its place */
};

/* What the reply to a command of these words tells; `second` may be empty. */
enum told topology_asked(struct vn_span first, struct vn_span second);

/* Which replies of EXEC tell what: 4 of the first 255, 12 bits each; TOLD_LOST: there are more.
 * Returns the places with one more. */
#define TOLD_LOST (1ull << 48)
uint64_t topology_queue(uint64_t places, uint64_t at, enum told);

/* Does this error send the client to another server? */
bool topology_redirects(struct vn_span in);

/* Is this push news of Sentinel? *channel: of any message that was published, once it is known. */
enum told topology_news(struct vn_span in, struct vn_span *channel);

/* Puts the addresses of proxies in place of those of servers; places: of TOLD_RUN. *len: bytes of
 * the reply. What is too long, or lost, stays as it is, and session->notice says so. */
enum edit topology_edit(struct vn_session *, enum told, uint64_t places, bool resp3,
                        struct vn_span in, uint64_t *len);

/* The slot of a key, or of its {tag}. */
unsigned topology_slot(struct vn_span key);

#endif
