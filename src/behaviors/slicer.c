/* slicer - bytes arrive in small pieces, with a time between them. */
#include "vaurien.h"

struct slicer { int64_t average_size, size_variation; vn_nsec delay; };

static const struct vn_opt options[] = {
	{ "average_size", VN_OPT_INT, offsetof(struct slicer, average_size), "0",
	  "Average bytes in a piece; 0: pieces as they arrive" },
	{ "size_variation", VN_OPT_INT, offsetof(struct slicer, size_variation), "0",
	  "Greatest difference from average_size, drawn uniformly; a piece has at least one byte" },
	{ "delay", VN_OPT_TIME, offsetof(struct slicer, delay), "0",
	  "Time between two pieces", VN_US },
	{ 0 }
};

/* The engine limits a piece to the bytes at hand, so its size needs no limit here. */
static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct slicer *o = e->opts;

	v->pace.piece = (size_t)o->average_size;
	v->pace.vary = (size_t)o->size_variation;
	v->pace.gap = o->delay;
}

VN_BEHAVIOR(slicer,
	.help = "Sends bytes in small pieces, each in a segment of its own",
	.group = VN_GROUP_RATE,
	.example = "slicer --average-size 10 --delay 1ms",
	.sees = "each response arrives in small pieces",
	.options = options, .opts_size = sizeof(struct slicer),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.needs = "average_size", .without = "nothing will be sliced",
	.act = act)
