/* slow_open - the first bytes of a connection are late, all others are not. */
#include "vaurien.h"

struct slow_open { vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "delay", VN_OPT_TIME, offsetof(struct slow_open, delay), "0", "How late", VN_MS },
	{ 0 }
};

struct begun { bool in[2]; };           /* either direction */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_open *o = e->opts;
	bool *begun = &((struct begun *)e->state)->in[e->direction == VN_RESPONSE];

	if (!*begun)
		v->hold = o->delay;
	*begun = true;
}

VN_BEHAVIOR(slow_open,
	.help = "What comes first of a connection, or first since the rule came, is late; what follows it waits behind it",
	.options = options, .opts_size = sizeof(struct slow_open), .state_size = sizeof(struct begun),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
