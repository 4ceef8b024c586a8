/* error - requests are refused in the protocol's own words; where it has none, answers are spoilt. */
#include "vaurien.h"

struct error { bool inject; const char *failure; vn_nsec after; };

static const struct vn_opt options[] = {
	{ "inject", VN_OPT_BOOL, offsetof(struct error, inject), "false", "Put random bytes in the middle of the answer instead" },
	{ "warmup", VN_OPT_INT, 0, "0", "How many exchanges pass first", .rule = VN_OPT_SKIP },
	{ "failure", VN_OPT_FAILURE, offsetof(struct error, failure), NULL, "Which failure of the protocol; none named: drawn among those that leave the connection usable" },
	{ "after", VN_OPT_TIME, offsetof(struct error, after), "0", "How long a connection must be idle before a failure of idle connections strikes it", .unit = VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct error *o = e->opts;

	vn_verdict_refuse(e, o->failure, o->inject, v);
	if (e->moment == VN_ON_REST)
		v->after = o->after;
}

VN_BEHAVIOR(error,
	.help = "Requests are refused as the real server would refuse them; without such words the answer is random bytes",
	.options = options, .opts_size = sizeof(struct error),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_REST,
	.act = act)
