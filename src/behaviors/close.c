/* close - an end with FIN: at once, after a time, or after a number of bytes. */
#include "vaurien.h"

struct closing { vn_nsec after; int64_t bytes; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_TIME, offsetof(struct closing, after), "0",
	  "Time from the start of the connection or of the rule; with a probability or match, "
	  "from the response", VN_S },
	{ "bytes", VN_OPT_INT, offsetof(struct closing, bytes), "0",
	  "Number of bytes in one direction that ends the connection; 0: no such limit" },
	{ 0 }
};

struct met { bool whole; };             /* the rule applies to connections, not exchanges */

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct closing *o = e->opts;
	struct met *met = e->state;
	uint64_t bytes = (uint64_t)o->bytes;

	if (e->moment == VN_ON_DATA) {
		if (bytes)
			vn_verdict_limit(e, bytes > e->passed ? bytes - e->passed : 0, VN_CLOSE, v);
		return;
	}
	met->whole |= e->moment == VN_ON_OPEN;
	if ((bytes && !o->after) || (e->moment == VN_ON_RESPONSE && (met->whole || !e->len)))
		return;
	v->end = VN_CLOSE;
	v->after = o->after;
}

VN_BEHAVIOR(close,
	.help = "Closes connections, even idle ones; with a probability or match, closes after "
	        "the response to each request chosen",
	.group = VN_GROUP_CONNECTION,
	.example = "close --after 60s",
	.sees = "the connection closes (FIN), even an idle one",
	.options = options, .opts_size = sizeof(struct closing), .state_size = sizeof(struct met),
	.on = VN_ON_OPEN | VN_ON_RESPONSE | VN_ON_DATA,
	.act = act)
