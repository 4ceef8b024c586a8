/* duplicate - a datagram arrives more than once, as on a network that sends it again. */
#include "vaurien.h"

struct duplicate { int64_t copies; };

static const struct vn_opt options[] = {
	{ "copies", VN_OPT_INT, offsetof(struct duplicate, copies), "1",
	  "Number of copies beside the datagram itself", .min = 1, .max = 100 },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct duplicate *o = e->opts;

	v->copies = (unsigned)o->copies;
}

VN_BEHAVIOR(duplicate,
	.help = "Sends datagrams more than once",
	.group = VN_GROUP_BYTES,
	.example = "duplicate --probability 0.1",
	.sees = "the same datagram several times",
	.options = options, .opts_size = sizeof(struct duplicate),
	.on = VN_ON_DATA,
	.traits = VN_TRAIT_DATAGRAMS | VN_TRAIT_ONLY_DATAGRAMS,
	.act = act)
