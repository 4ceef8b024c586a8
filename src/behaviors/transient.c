/* transient - an error that goes away by itself: the first exchanges meet it, the others do not. */
#include "vaurien.h"

struct transient { bool inject; const char *failure; vn_nsec after; };

static const struct vn_opt options[] = {
	{ "agitate", VN_OPT_INT, 0, "1", "How many exchanges are struck", .rule = VN_OPT_TIMES },
	{ "inject", VN_OPT_BOOL, offsetof(struct transient, inject), "false", "Put random bytes in the middle of the answer instead" },
	{ "warmup", VN_OPT_INT, 0, "0", "How many exchanges pass first", .rule = VN_OPT_SKIP },
	{ "failure", VN_OPT_FAILURE, offsetof(struct transient, failure), NULL, "Which failure of the protocol; none named: drawn among those that leave the connection usable" },
	{ "after", VN_OPT_TIME, offsetof(struct transient, after), "0", "How long a connection must be idle before a failure of idle connections strikes it", .unit = VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct transient *o = e->opts;

	vn_verdict_refuse(e, o->failure, o->inject, v);
	if (e->moment == VN_ON_REST)
		v->after = o->after;
}

VN_BEHAVIOR(transient,
	.help = "As error, for the first exchanges after it is set; then all is well",
	.options = options, .opts_size = sizeof(struct transient),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_REST,
	.act = act)
