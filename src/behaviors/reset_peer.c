/* reset_peer - a connection says nothing more in one direction, and is torn down with RST after a time. */
#include "vaurien.h"

struct reset_peer { nsec timeout; };

static const struct opt options[] = {
	{ "timeout", OPT_TIME, offsetof(struct reset_peer, timeout), "0", "So long after the connection opened or the rule came", NSEC_MS },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct event *e, struct verdict *v)
{
	const struct reset_peer *o = e->opts;
	struct met *met = e->state;

	met->whole |= e->moment == ON_OPEN;
	if (e->moment == ON_OPEN || !met->whole) {
		v->end = RESET;
		v->after = o->timeout;
	}
	if (e->moment != ON_OPEN && !met->whole && !o->timeout)
		v->fate = DROP;         /* it would wait for the end, and the end for it */
	else if (e->moment != ON_OPEN)
		v->hold = NEVER;
}

BEHAVIOR(reset_peer,
	.help = "Connections are reset, idle or not; until then the direction is silent",
	.options = options, .opts_size = sizeof(struct reset_peer), .state_size = sizeof(struct met),
	.on = ON_OPEN | ON_DATA | ON_END, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
