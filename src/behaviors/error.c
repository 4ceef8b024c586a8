/* error - requests are refused in the protocol's own words; where it has none, answers are spoilt. */
#include "vaurien.h"

struct error { bool inject; const char *failure; nsec after; };

static const struct opt options[] = {
	{ "inject", OPT_BOOL, offsetof(struct error, inject), "false", "Put random bytes in the middle of the answer instead" },
	{ "warmup", OPT_INT, 0, "0", "How many exchanges pass first", .rule = OPT_SKIP },
	{ "failure", OPT_FAILURE, offsetof(struct error, failure), NULL, "Which failure of the protocol; none named: drawn among those that leave the connection usable" },
	{ "after", OPT_TIME, offsetof(struct error, after), "0", "How long a connection must be idle before a failure of idle connections strikes it", .unit = NSEC_S },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct error *o = e->opts;

	verdict_refuse(e, o->failure, o->inject, v);
	if (e->moment == ON_REST)
		v->after = o->after;
}

BEHAVIOR(error,
	.help = "Requests are refused as the real server would refuse them; without such words the answer is random bytes",
	.options = options, .opts_size = sizeof(struct error),
	.on = ON_REQUEST | ON_RESPONSE | ON_REST,
	.act = act)
