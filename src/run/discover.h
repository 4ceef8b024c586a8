/* discover.h - a proxy for a destination: asked for by the supervisor, made by control.
 *
 * A finding belongs to the supervisor, to control between discover_ask() and `done`. */
#ifndef RUN_DISCOVER_H
#define RUN_DISCOVER_H

#include "base/loop.h"
#include "control/control.h"

struct place;

struct finding {
	struct mail mail;
	struct waiter waiter;
	struct control *control;
	struct loop *loop;              /* the supervisor's */
	void (*done)(struct finding *); /* in the supervisor's thread; frees it */
	struct place *place;            /* the supervisor's */
	char name[200], other_name[200];        /* the second if the first is taken */
	char backend[160];
	const struct vn_protocol *protocol;     /* NULL: tcp */
	bool unsure;                    /* its first bytes will show the protocol ... */
	bool stays;                     /* ... or whether it is TLS, and it is tcp in any case */
	unsigned proxy;                 /* the result: the proxy's number ... */
	struct gate *gate;              /* ... and a reference to its gate; NULL: see `why` */
	char why[ERROR_MAX];
};

/* Any thread. `control`: control's loop. */
void discover_ask(struct finding *, struct loop *control);

/* The protocol of a proxy, told by its first bytes. It belongs to the supervisor, as a finding. */
struct recognition {
	struct mail mail;
	struct waiter waiter;
	struct control *control;
	struct loop *loop;
	void (*done)(struct recognition *);     /* in the supervisor's thread; frees it */
	void *whom;
	unsigned proxy;
	uint64_t handed;                /* connections that the proxy was given before this */
	const struct vn_protocol *protocol;
	bool changed;                   /* the result; false: connections are open there */
};

void discover_recognise(struct recognition *, struct loop *control);

/* The first bytes of a connection have shown no protocol, or (`tls`) a ClientHello: its proxy
 * carries it as it is. The log has what that means for rules. */
void discover_note(struct control *, struct loop *of_control, unsigned proxy, bool tls);

#endif
