/* flap - the server is there for a while, and then for a while it is not. */
#include "vaurien.h"

struct flap { vn_nsec up, down; };

static const struct vn_opt options[] = {
	{ "up", VN_OPT_TIME, offsetof(struct flap, up), "10", "How long all is well", VN_S },
	{ "down", VN_OPT_TIME, offsetof(struct flap, down), "2", "How long requests wait after that", VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct flap *o = e->opts;
	vn_nsec round = o->up + o->down, at = round ? e->age % round : 0;

	if (at >= o->up)
		v->hold = round - at;
}

VN_BEHAVIOR(flap,
	.help = "The server is there for a while, and then for a while it is not",
	.options = options, .opts_size = sizeof(struct flap),
	.on = VN_ON_REQUEST,
	.act = act)
