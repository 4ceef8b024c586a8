/* reorder - a datagram arrives behind others that were sent after it. */
#include "vaurien.h"

struct reorder { int64_t behind; vn_nsec wait; };

static const struct vn_opt options[] = {
	{ "behind", VN_OPT_INT, offsetof(struct reorder, behind), "1",
	  "Number of later datagrams that pass it", .min = 1, .max = 1000000 },
	{ "wait", VN_OPT_TIME, offsetof(struct reorder, wait), "500",
	  "Longest time that it waits for them", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct reorder *o = e->opts;

	v->behind = (struct vn_behind){ (unsigned)o->behind, o->wait };
}

VN_BEHAVIOR(reorder,
	.help = "Holds a datagram until later ones have passed it; with a probability or every, "
	        "those chosen change places with others",
	.group = VN_GROUP_TIME,
	.example = "reorder --probability 0.05",
	.sees = "datagrams arrive in another order",
	.options = options, .opts_size = sizeof(struct reorder),
	.on = VN_ON_DATA,
	.traits = VN_TRAIT_DATAGRAMS | VN_TRAIT_ONLY_DATAGRAMS,
	.act = act)
