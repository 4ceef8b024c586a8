/* limit_time - connections live so long, and are then closed. */
#include "vaurien.h"

struct lifetime { vn_nsec time; };

static const struct vn_opt options[] = {
	{ "time", VN_OPT_TIME, offsetof(struct lifetime, time), "0", "So long after the connection opened or the rule came", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct lifetime *o = e->opts;

	v->end = VN_CLOSE;
	v->after = o->time;
}

VN_BEHAVIOR(limit_time,
	.help = "Connections are closed after a time, whatever goes on in them",
	.options = options, .opts_size = sizeof(struct lifetime),
	.on = VN_ON_OPEN,
	.act = act)
