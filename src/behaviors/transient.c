/* transient - an error that goes away by itself: the first exchanges meet it, the others do not. */
#include "vaurien.h"

struct transient { bool inject; const char *failure; nsec after; };

static const struct opt options[] = {
	{ "agitate", OPT_INT, 0, "1", "How many exchanges are struck", .rule = OPT_TIMES },
	{ "inject", OPT_BOOL, offsetof(struct transient, inject), "false", "Put random bytes in the middle of the answer instead" },
	{ "warmup", OPT_INT, 0, "0", "How many exchanges pass first", .rule = OPT_SKIP },
	{ "failure", OPT_FAILURE, offsetof(struct transient, failure), NULL, "Which failure of the protocol; none named: drawn among those that leave the connection usable" },
	{ "after", OPT_TIME, offsetof(struct transient, after), "0", "How long a connection must be idle before a failure of idle connections strikes it", .unit = NSEC_S },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct transient *o = e->opts;

	verdict_refuse(e, o->failure, o->inject, v);
	if (e->moment == ON_REST)
		v->after = o->after;
}

BEHAVIOR(transient,
	.help = "As error, for the first exchanges after it is set; then all is well",
	.options = options, .opts_size = sizeof(struct transient),
	.on = ON_REQUEST | ON_RESPONSE | ON_REST,
	.act = act)
