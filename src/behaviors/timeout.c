/* timeout - bytes go nowhere, and a connection on which none come any more is closed. */
#include "vaurien.h"

struct silence { vn_nsec timeout; };

static const struct vn_opt options[] = {
	{ "timeout", VN_OPT_TIME, offsetof(struct silence, timeout), "0", "After how long without a byte in this direction the connection is closed; 0: never", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct silence *o = e->opts;

	if (e->moment == VN_ON_DATA)
		v->fate = VN_DROP;
	if (e->moment == VN_ON_LEAVE) {    /* what was dropped can't be given back, so nobody goes on behind it */
		v->end = VN_CLOSE;
	} else if (o->timeout) {
		v->end = VN_CLOSE;
		v->after = o->timeout;
	}
}

VN_BEHAVIOR(timeout,
	.help = "Bytes go nowhere; the connection is closed after a time without any, or when the rule goes",
	.options = options, .opts_size = sizeof(struct silence),
	.on = VN_ON_OPEN | VN_ON_DATA | VN_ON_LEAVE, .direction = VN_RESPONSE, .traits = VN_TRAIT_WHOLE,
	.act = act)
