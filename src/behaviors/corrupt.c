/* corrupt - wrong bytes, and as many as were sent: flipped bits, or random bytes. */
#include "vaurien.h"

struct corrupt { int64_t bits; bool random; };

static const struct vn_opt options[] = {
	{ "bits", VN_OPT_INT, offsetof(struct corrupt, bits), "1",
	  "Number of bits flipped, at random places of the first piece of a message",
	  .max = 65536 },
	{ "random", VN_OPT_BOOL, offsetof(struct corrupt, random), "false",
	  "Replace all bytes by random bytes instead" },
	{ 0 }
};

/* Bytes. In a longer piece the first bytes follow the junk, so its length is right in any case. */
enum { JUNK_MAX = 1 << 16 };

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
	.help = "Corrupts responses without a change of their length; with direction = request, "
	        "corrupts requests",
	.group = VN_GROUP_BYTES,
	.example = "corrupt --bits 3 --match '^QUERY SELECT'",
	.sees = "the response has the right length and wrong bits",
	.options = options, .opts_size = sizeof(struct corrupt),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA, .direction = VN_RESPONSE,
	.needs = "bits random", .without = "nothing will be corrupted",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
