/* reset - an end with RST: at once, after a time, or after a number of bytes. */
#include "vaurien.h"

struct reset { vn_nsec after; int64_t bytes; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct reset, after), "0",
	  "Time from the start of the connection or of the rule; with a probability or match, "
	  "from the request", VN_S },
	{ "bytes", VN_OPT_INT, offsetof(struct reset, bytes), "0",
	  "Number of bytes in one direction that ends the connection; 0: no such limit" },
	{ 0 }
};

struct met { bool whole; };             /* the rule applies to connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct reset *o = e->opts;
	struct met *met = e->state;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->moment == VN_ON_DATA) {
		if (bytes)
			vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_RESET, v);
		return;
	}
	met->whole |= e->moment == VN_ON_OPEN;
	if ((bytes && !o->after) || (e->moment == VN_ON_REQUEST && met->whole))
		return;
	v->end = VN_RESET;
	v->after = o->after;
	if (e->moment == VN_ON_REQUEST && !o->after)    /* the backend must not see this request */
		v->fate = VN_DROP;
}

VN_BEHAVIOR(reset,
	.help = "Resets connections, even idle ones; with a probability or match, resets in place "
	        "of each request chosen",
	.group = VN_GROUP_CONNECTION,
	.example = "reset --probability 0.05",
	.sees = "the connection is reset (RST)",
	.options = options, .opts_size = sizeof(struct reset), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_REQUEST | VN_ON_DATA,
	.act = act)
