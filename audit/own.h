/* own.h - the Vaurien that is audited: started for the run, or attached to. */
#ifndef AUDIT_OWN_H
#define AUDIT_OWN_H

#include "audit/run.h"

/* Start `vaurien` with the user's options, and an API that nobody else reaches. It ends with the
 * auditor. False: the run has ended. */
bool own_start(struct run *);
void own_stop(struct run *);
void own_forget(struct run *);           /* removes its API's socket */

/* Its proxies into the record, the clock's offset. False: the run has ended. */
bool vaurien_meet(struct run *);

/* Are no rules in force, and does no other audit run? It is reserved from then on. */
bool vaurien_calm(struct run *);

/* Follow its events and figures from now on. */
bool vaurien_watch(struct run *);
void vaurien_leave(struct run *);

/* GET /proxies/NAME/connections of all proxies, into the record. */
void vaurien_connections(struct run *);

/* Does each backend accept a connection? */
/* Mark the proxies of --only as injected, the others as watched. False: the run has ended. */
bool own_only(struct run *);

/* Does each backend accept a connection? */
bool backends_reachable(struct run *);

#endif
