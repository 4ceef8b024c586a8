/* flap - requests pass for a time, then wait for a time. */
#include "vaurien.h"

struct flap { vn_nsec up, down; };

static const struct vn_opt options[] = {
	{ "up", VN_OPT_TIME, offsetof(struct flap, up), "10", "Time in which requests pass", VN_S },
	{ "down", VN_OPT_TIME, offsetof(struct flap, down), "2", "Time in which they wait", VN_S },
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
	.help = "Lets requests pass for a time, then holds them for a time, again and again",
	.group = VN_GROUP_TIME,
	.example = "flap --up 10s --down 2s",
	.sees = "responses at once, and late ones in between",
	.options = options, .opts_size = sizeof(struct flap),
	.on = VN_ON_REQUEST,
	.act = act)
