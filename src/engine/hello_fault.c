/* hello_fault.c - a judgement on a handshake, or on the request for TLS, that is in force. */
#include "engine/hello_fault.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct hello_fault *hello_fault_make(struct conn *c, const struct judgement *j,
                                     void (*fire)(struct timer *))
{
	struct hello_fault *f = xcalloc(1, sizeof *f + j->n_late * sizeof *f->late);

	f->conn = c;
	f->tls = j->tls;
	memcpy(f->rule, j->tls_rule, sizeof f->rule);
	f->timer.fire = fire;
	f->n = j->n_late;
	memcpy(f->late, j->late, f->n * sizeof *f->late);
	return f;
}

void hello_fault_free(struct loop *loop, struct hello_fault **f)
{
	if (!*f)
		return;
	timer_stop(loop, &(*f)->timer);
	free(*f);
	*f = NULL;
}

vn_nsec hello_fault_late(const struct hello_fault *f)
{
	vn_nsec all = 0;

	for (unsigned i = 0; i < f->n; i++)
		all = f->late[i].hold > VN_NEVER - all ? VN_NEVER : all + f->late[i].hold;
	return all;
}
