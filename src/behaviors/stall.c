/* stall - nothing is read any more: buffers fill up, until both peers meet a zero window. */
#include "vaurien.h"

struct stall { nsec after; };

static const struct opt options[] = {
	{ "after", OPT_TIME, offsetof(struct stall, after), "0", "So long after the connection opened or the rule came; with odds or match: after the request", NSEC_S },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct event *e, struct verdict *v)
{
	const struct stall *o = e->opts;
	struct met *met = e->state;

	met->whole |= e->moment == ON_OPEN;
	if (met->whole && e->moment != ON_OPEN)
		return;
	v->end = STALL;
	v->after = o->after;
}

BEHAVIOR(stall,
	.help = "Connections are not read any more, in either direction, until the rule goes; with odds or match: from the requests struck on, which still arrive",
	.options = options, .opts_size = sizeof(struct stall), .state_size = sizeof(struct met),
	.on = ON_OPEN | ON_REQUEST,
	.act = act)
