/* hello_fault.h - a judgement on a handshake, or on the request for TLS, that is in force.
 *
 * Each part of it is a rule's, and goes with that rule. conn_hello.c carries it out. */
#ifndef ENGINE_HELLO_FAULT_H
#define ENGINE_HELLO_FAULT_H

#include "base/loop.h"
#include "rules/judgement.h"

struct conn;

struct hello_fault {
	struct conn *conn;
	struct vn_tls tls;              /* its texts are not used any more */
	uint64_t rule[TLS_PARTS];       /* the id of the rule whose part it is; 0: of none */
	vn_nsec since;                  /* its `late` place was reached then; 0: not yet */
	struct timer timer;             /* until it is no more late */
	bool broken;                    /* its end has been carried out */
	unsigned n;                     /* of `late` */
	struct tls_late late[];
};

/* `fire` is called when it is no more late. */
struct hello_fault *hello_fault_make(struct conn *, const struct judgement *,
                                     void (*fire)(struct timer *));
void hello_fault_free(struct loop *, struct hello_fault **);    /* NULL afterwards */

/* The time by which it is late, by all its rules. VN_NEVER: until they are removed. */
vn_nsec hello_fault_late(const struct hello_fault *);

#endif
