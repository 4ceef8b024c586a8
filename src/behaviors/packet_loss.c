/* packet_loss - bytes are missing from the stream. TCP never does this: see loss. */
#include "vaurien.h"

struct packet_loss { double loss_rate, correlation; };

static const struct vn_opt options[] = {
	{ "loss_rate", VN_OPT_REAL, offsetof(struct packet_loss, loss_rate), "0",
	  "Share of the reads that are discarded", .max = 1 },
	{ "correlation", VN_OPT_REAL, offsetof(struct packet_loss, correlation), "0",
	  "Increase of that share after a read that was discarded", .max = 1 },
	{ 0 }
};

struct last { bool lost[2]; };          /* the last read of each direction was discarded */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct packet_loss *o = e->opts;
	bool *lost = &((struct last *)e->state)->lost[e->direction == VN_RESPONSE];

	*lost = vn_dice_unit(e->dice) < o->loss_rate + (*lost ? o->correlation : 0);
	if (*lost)
		v->fate = VN_DROP;
}

VN_BEHAVIOR(packet_loss,
	.help = "Discards some reads, so that bytes are missing; loss shows what TCP makes of "
	        "lost packets",
	.group = VN_GROUP_BYTES,
	.example = "packet_loss --loss-rate 0.01",
	.sees = "bytes of a response are missing",
	.options = options, .opts_size = sizeof(struct packet_loss),
	.state_size = sizeof(struct last),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE | VN_TRAIT_DATAGRAMS,
	.needs = "loss_rate", .without = "nothing will be lost",
	.act = act)
