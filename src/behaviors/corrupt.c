/* corrupt - bytes arrive that are not those that were sent: bits are flipped, or all is random. */
#include "vaurien.h"

struct corrupt { int64_t bits; bool random; };

static const struct vn_opt options[] = {
	{ "bits", VN_OPT_INT, offsetof(struct corrupt, bits), "1", "How many bits are flipped, anywhere in what comes first of a message", .max = 65536 },
	{ "random", VN_OPT_BOOL, offsetof(struct corrupt, random), "false", "Random bytes instead, as many as were sent" },
	{ 0 }
};

enum { JUNK_MAX = 1 << 16 };            /* in one piece; what is longer keeps its length, but not its place */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct corrupt *o = e->opts;

	if (e->moment == VN_ON_DATA && o->random && !e->interim) {
		v->dirt.junk = e->len < JUNK_MAX ? e->len : JUNK_MAX;
		v->keep = e->len - v->dirt.junk;
	} else if (e->moment != VN_ON_DATA && !o->random && e->len) {
		v->dirt.flips = (unsigned)o->bits;
	}
}

VN_BEHAVIOR(corrupt,
	.help = "Answers are spoilt, and keep their length; direction = request: requests are",
	.options = options, .opts_size = sizeof(struct corrupt),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA, .direction = VN_RESPONSE,
	.act = act)
