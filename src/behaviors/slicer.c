/* slicer - what was sent at once arrives in pieces, and those some time apart. */
#include "vaurien.h"

struct slicer { int64_t average_size, size_variation; vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "average_size", VN_OPT_INT, offsetof(struct slicer, average_size), "0", "Bytes in a piece; 0: pieces are as they came" },
	{ "size_variation", VN_OPT_INT, offsetof(struct slicer, size_variation), "0", "How many bytes more or fewer that can be, each number as likely; pieces have at least one byte" },
	{ "delay", VN_OPT_TIME, offsetof(struct slicer, delay), "0", "Between a piece and the next", VN_US },
	{ 0 }
};

/* A piece is never longer than what is at hand, so its size has no bound. */
static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slicer *o = e->opts;

	v->pace.piece = (size_t)o->average_size;
	v->pace.vary = (size_t)o->size_variation;
	v->pace.gap = o->delay;
}

VN_BEHAVIOR(slicer,
	.help = "Bytes arrive in small pieces, each in a segment of its own",
	.options = options, .opts_size = sizeof(struct slicer),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
