/* reset - a connection is torn down with RST: at once, after a time, or after so many bytes. */
#include "vaurien.h"

struct reset { nsec after; int64_t bytes; };

static const struct opt options[] = {
	{ "after", OPT_TIME, offsetof(struct reset, after), "0", "So long after the connection opened or the rule came; with odds or match: after the request", NSEC_S },
	{ "bytes", OPT_INT, offsetof(struct reset, bytes), "0", "When so many bytes went by in one direction; 0: whatever went by" },
	{ 0 }
};

struct met { bool whole; };             /* the rule strikes connections, not exchanges */

static void act(const struct event *e, struct verdict *v)
{
	const struct reset *o = e->opts;
	struct met *met = e->state;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->moment == ON_DATA) {
		if (bytes)
			verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, RESET, v);
		return;
	}
	met->whole |= e->moment == ON_OPEN;
	if ((bytes && !o->after) || (e->moment == ON_REQUEST && met->whole))
		return;
	v->end = RESET;
	v->after = o->after;
	if (e->moment == ON_REQUEST && !o->after)       /* the backend sees nothing of it */
		v->fate = DROP;
}

BEHAVIOR(reset,
	.help = "Connections are reset, idle or not; with odds or match: at the exchanges struck, in place of the request",
	.options = options, .opts_size = sizeof(struct reset), .state_size = sizeof(struct met),
	.on = ON_OPEN | ON_REQUEST | ON_DATA,
	.act = act)
