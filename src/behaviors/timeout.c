/* timeout - bytes go nowhere, and a connection on which none come any more is closed. */
#include "vaurien.h"

struct silence { nsec timeout; };

static const struct opt options[] = {
	{ "timeout", OPT_TIME, offsetof(struct silence, timeout), "0", "After how long without a byte in this direction the connection is closed; 0: never", NSEC_MS },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct silence *o = e->opts;

	if (e->moment == ON_DATA)
		v->fate = DROP;
	if (e->moment == ON_LEAVE) {    /* what was dropped can't be given back, so nobody goes on behind it */
		v->end = CLOSE;
	} else if (o->timeout) {
		v->end = CLOSE;
		v->after = o->timeout;
	}
}

BEHAVIOR(timeout,
	.help = "Bytes go nowhere; the connection is closed after a time without any, or when the rule goes",
	.options = options, .opts_size = sizeof(struct silence),
	.on = ON_OPEN | ON_DATA | ON_LEAVE, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
