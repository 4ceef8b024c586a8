/* limit_time - connections live so long, and are then closed. */
#include "vaurien.h"

struct lifetime { nsec time; };

static const struct opt options[] = {
	{ "time", OPT_TIME, offsetof(struct lifetime, time), "0", "So long after the connection opened or the rule came", NSEC_MS },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct lifetime *o = e->opts;

	v->end = CLOSE;
	v->after = o->time;
}

BEHAVIOR(limit_time,
	.help = "Connections are closed after a time, whatever goes on in them",
	.options = options, .opts_size = sizeof(struct lifetime),
	.on = ON_OPEN,
	.act = act)
