/* slicer - what was sent at once arrives in pieces, and those some time apart. */
#include "vaurien.h"

struct slicer { int64_t average_size, size_variation; nsec delay; };

static const struct opt options[] = {
	{ "average_size", OPT_INT, offsetof(struct slicer, average_size), "0", "Bytes in a piece; 0: pieces are as they came" },
	{ "size_variation", OPT_INT, offsetof(struct slicer, size_variation), "0", "How many bytes more or fewer that can be, each number as likely; pieces have at least one byte" },
	{ "delay", OPT_TIME, offsetof(struct slicer, delay), "0", "Between a piece and the next", NSEC_US },
	{ 0 }
};

/* A piece is never longer than what is at hand, so its size has no bound. */
static void act(const struct event *e, struct verdict *v)
{
	const struct slicer *o = e->opts;

	v->pace.piece = (size_t)o->average_size;
	v->pace.vary = (size_t)o->size_variation;
	v->pace.gap = o->delay;
}

BEHAVIOR(slicer,
	.help = "Bytes arrive in small pieces, each in a segment of its own",
	.options = options, .opts_size = sizeof(struct slicer),
	.on = ON_DATA, .direction = RESPONSE, .traits = TRAIT_WHOLE,
	.act = act)
