/* packet_loss - bytes are missing from the stream. TCP never loses any: what a lossy network does to it is `loss`. */
#include "vaurien.h"

struct packet_loss { double loss_rate, correlation; };

static const struct opt options[] = {
	{ "loss_rate", OPT_REAL, offsetof(struct packet_loss, loss_rate), "0", "The share of reads that vanish", .max = 1 },
	{ "correlation", OPT_REAL, offsetof(struct packet_loss, correlation), "0", "How much likelier it is behind one that vanished", .max = 1 },
	{ 0 }
};

struct last { bool lost[2]; };          /* in either direction */

static void act(const struct event *e, struct verdict *v)
{
	const struct packet_loss *o = e->opts;
	bool *lost = &((struct last *)e->state)->lost[e->direction == RESPONSE];

	*lost = dice_unit(e->dice) < o->loss_rate + (*lost ? o->correlation : 0);
	if (*lost)
		v->fate = DROP;
}

BEHAVIOR(packet_loss,
	.help = "What was read at once vanishes now and then, which breaks any protocol; see loss for what TCP makes of lost packets",
	.options = options, .opts_size = sizeof(struct packet_loss), .state_size = sizeof(struct last),
	.on = ON_DATA, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
