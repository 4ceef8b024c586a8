/* limit_time - an end after a time. */
#include "vaurien.h"

struct lifetime { vn_nsec time; };

static const struct vn_opt options[] = {
	{ "time", VN_OPT_TIME, offsetof(struct lifetime, time), "0",
	  "Time from the start of the connection or of the rule", VN_MS },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct lifetime *o = e->opts;

	v->end = VN_CLOSE;
	v->after = o->time;
}

VN_BEHAVIOR(limit_time,
	.help = "Closes connections after a time, even busy ones",
	.group = VN_GROUP_CONNECTION,
	.example = "limit_time --time 60s",
	.sees = "the connection closes (FIN) after the given time",
	.options = options, .opts_size = sizeof(struct lifetime),
	.on = VN_ON_OPEN,
	.needs = "time", .without = "each connection ends at once",
	.act = act)
