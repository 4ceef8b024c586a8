/* application.h - what runs beside the probes: COMMAND, --load, --guard, --restart-app. */
#ifndef AUDIT_APPLICATION_H
#define AUDIT_APPLICATION_H

#include "audit/run.h"

/* The environment of all commands, when the proxies' addresses are known. */
bool application_prepare(struct run *);

bool application_start(struct run *);   /* False: the run has ended */
void application_stop(struct run *);    /* SIGTERM, after 10 s SIGKILL */
void application_free(struct run *);

/* --restart-app, or COMMAND anew; then wait until it is steady. False: it is not. */
bool application_restart(struct run *);
bool application_can_restart(const struct run *);

void load_start(struct run *);          /* --load and --guard */
void load_stop(struct run *);

#endif
