/* packet_loss - bytes are missing from the stream. TCP never loses any: what a lossy network does to it is `loss`. */
#include "vaurien.h"

struct packet_loss { double loss_rate, correlation; };

static const struct vn_opt options[] = {
	{ "loss_rate", VN_OPT_REAL, offsetof(struct packet_loss, loss_rate), "0", "The share of reads that vanish", .max = 1 },
	{ "correlation", VN_OPT_REAL, offsetof(struct packet_loss, correlation), "0", "How much likelier it is behind one that vanished", .max = 1 },
	{ 0 }
};

struct last { bool lost[2]; };          /* in either direction */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct packet_loss *o = e->opts;
	bool *lost = &((struct last *)e->state)->lost[e->direction == VN_RESPONSE];

	*lost = vn_dice_unit(e->dice) < o->loss_rate + (*lost ? o->correlation : 0);
	if (*lost)
		v->fate = VN_DROP;
}

VN_BEHAVIOR(packet_loss,
	.help = "What was read at once vanishes now and then, which breaks any protocol; see loss for what TCP makes of lost packets",
	.options = options, .opts_size = sizeof(struct packet_loss), .state_size = sizeof(struct last),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
