/* timeout - bytes are discarded, and the connection closes after a silence. */
#include "vaurien.h"

struct silence { vn_nsec timeout; };

static const struct vn_opt options[] = {
	{ "timeout", VN_OPT_TIME, offsetof(struct silence, timeout), "0",
	  "Time without a byte in this direction that ends the connection; 0: no such limit",
	  VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct silence *o = e->opts;

	if (e->moment == VN_ON_DATA)
		v->fate = VN_DROP;
	if (e->moment == VN_ON_LEAVE) {         /* bytes are missing: the stream is of no use */
		v->end = VN_CLOSE;
	} else if (o->timeout) {
		v->end = VN_CLOSE;
		v->after = o->timeout;
	}
}

VN_BEHAVIOR(timeout,
	.help = "Discards responses; closes the connection after a time without any, or when the "
	        "rule is removed",
	.group = VN_GROUP_CONNECTION,
	.example = "timeout --timeout 500ms",
	.sees = "no response, the connection closes (FIN) after the given time",
	.options = options, .opts_size = sizeof(struct silence),
	.on = VN_ON_OPEN | VN_ON_DATA | VN_ON_LEAVE, .direction = VN_RESPONSE,
	.traits = VN_TRAIT_WHOLE,
	.act = act)
