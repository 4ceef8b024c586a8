/* flap - the server answers for a while, then keeps requests waiting for a while. */
#include "vaurien.h"

struct flap { vn_nsec up, down; };

static const struct vn_opt options[] = {
	{ "up", VN_OPT_TIME, offsetof(struct flap, up), "10", "How long requests pass", VN_S },
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
	.help = "The server answers for a while, then keeps requests waiting for a while",
	.options = options, .opts_size = sizeof(struct flap),
	.on = VN_ON_REQUEST,
	.act = act)
