/* slow_open - the first bytes of a connection are late, and all bytes behind them wait. */
#include "vaurien.h"

struct slow_open { vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "delay", VN_OPT_TIME, offsetof(struct slow_open, delay), "0",
	  "Delay of the first bytes", VN_MS },
	{ 0 }
};

struct begun { bool in[2]; };           /* the first bytes of each direction have passed */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slow_open *o = e->opts;
	bool *begun = &((struct begun *)e->state)->in[e->direction == VN_RESPONSE];

	if (!*begun)
		v->hold = o->delay;
	*begun = true;
}

VN_BEHAVIOR(slow_open,
	.help = "Delays the first bytes of a connection, or the first after the rule was set; "
	        "later bytes wait behind them",
	.group = VN_GROUP_TIME,
	.example = "slow_open --delay 500ms",
	.sees = "the first response arrives late, later ones do not",
	.options = options, .opts_size = sizeof(struct slow_open),
	.state_size = sizeof(struct begun),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.needs = "delay", .without = "nothing will be late",
	.act = act)
