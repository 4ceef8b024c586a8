/* limit_data - so many bytes pass, and then the connection is closed. */
#include "vaurien.h"

struct limit { int64_t bytes; };

static const struct opt options[] = {
	{ "bytes", OPT_INT, offsetof(struct limit, bytes), "0", "How many; 0: it closes when the first one comes" },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct limit *o = e->opts;
	uint64_t bytes = (uint64_t)o->bytes;

	verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, CLOSE, v);
}

BEHAVIOR(limit_data,
	.help = "Connections are closed behind so many bytes; what has passed still counts when the number is changed",
	.options = options, .opts_size = sizeof(struct limit),
	.on = ON_DATA, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
