/* error - errors of the real server; random bytes if the protocol has no errors. */
#include "vaurien.h"

struct error { bool inject; const char *failure; vn_nsec after; };

static const struct vn_opt options[] = {
	{ "inject", VN_OPT_BOOL, offsetof(struct error, inject), "false",
	  "Insert random bytes in the middle of the response instead" },
	{ "warmup", VN_OPT_INT, 0, "0",
	  "Number of exchanges that pass first", .rule = VN_OPT_SKIP },
	{ "failure", VN_OPT_FAILURE, offsetof(struct error, failure), NULL,
	  "Name of the failure; none: drawn among those that leave the connection usable" },
	{ "after", VN_OPT_TIME, offsetof(struct error, after), "0",
	  "Idle time of a connection before a failure of idle connections applies", .unit = VN_S },
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
	.help = "Answers requests with an error of the real server; a protocol without errors "
	        "gets random bytes instead. Without a failure and a match, logins and the "
	        "set-up of sessions pass",
	.group = VN_GROUP_ERRORS,
	.example = "error --failure deadlock --match '^QUERY UPDATE' --times 1",
	.sees = "an error of the server, in its own format",
	.options = options, .opts_size = sizeof(struct error),
	.on = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_REST,
	.traits = VN_TRAIT_SPARES | VN_TRAIT_DATAGRAMS,
	.act = act)
