/* transient - an error that ends by itself: the first exchanges get it, later ones pass. */
#include "vaurien.h"

struct transient { bool inject; const char *failure; vn_nsec after; };

static const struct vn_opt options[] = {
	{ "agitate", VN_OPT_INT, 0, "1",
	  "Number of exchanges that get an error", .rule = VN_OPT_TIMES },
	{ "inject", VN_OPT_BOOL, offsetof(struct transient, inject), "false",
	  "Insert random bytes in the middle of the response instead" },
	{ "warmup", VN_OPT_INT, 0, "0",
	  "Number of exchanges that pass first", .rule = VN_OPT_SKIP },
	{ "failure", VN_OPT_FAILURE, offsetof(struct transient, failure), NULL,
	  "Name of the failure; none: drawn among those that leave the connection usable" },
	{ "after", VN_OPT_TIME, offsetof(struct transient, after), "0",
	  "Idle time of a connection before a failure of idle connections applies", .unit = VN_S },
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
	.help = "Acts as error on the first exchanges after it is set, and on no later ones",
	.group = VN_GROUP_ERRORS,
	.example = "transient --failure lock_wait_timeout --agitate 3",
	.sees = "the given number of errors, then responses",
	.options = options, .opts_size = sizeof(struct transient),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_REST,
	.traits = VN_TRAIT_SPARES | VN_TRAIT_DATAGRAMS,
	.act = act)
