/* limit_data - an end after a number of bytes. */
#include "vaurien.h"

struct limit { int64_t bytes; };

static const struct vn_opt options[] = {
	{ "bytes", VN_OPT_INT, offsetof(struct limit, bytes), "0",
	  "Number of bytes that pass; 0: close at the first byte" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct limit *o = e->opts;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->datagram) {
		if (e->len > bytes || e->passed > bytes - e->len)
			v->fate = VN_DROP;
		return;
	}
	vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_CLOSE, v);
}

VN_BEHAVIOR(limit_data,
	.help = "Closes connections after a number of bytes; a change of the number also counts "
	        "the bytes before it. Datagrams beyond the number are discarded",
	.group = VN_GROUP_BYTES,
	.example = "limit_data --bytes 1000",
	.sees = "the given number of bytes, then the connection closes (FIN)",
	.options = options, .opts_size = sizeof(struct limit),
	.on = VN_ON_DATA, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE | VN_TRAIT_DATAGRAMS,
	.needs = "bytes", .without = "each connection ends at its first byte",
	.act = act)
