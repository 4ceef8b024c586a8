/* lost_reply - the request is carried out, and its response is lost: did it commit? */
#include "vaurien.h"

struct lost_reply { const char *end; };

static const char *const ends[] = { "close", "reset", NULL };

static const struct vn_opt options[] = {
	{ "end", VN_OPT_CHOICE, offsetof(struct lost_reply, end), "close",
	  "How the connection ends, with FIN (close) or RST (reset)", .choices = ends },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct lost_reply *o = e->opts;

	if (e->len && e->msg->role != VN_PUSH && !(e->msg->is & VN_IS_LOGIN)) {
		v->fate = VN_DROP;
		v->end = *o->end == 'r' ? VN_RESET : VN_CLOSE;
	}
}

VN_BEHAVIOR(lost_reply,
	.help = "Discards the response to a request that the backend has carried out, and ends "
	        "the connection. Logins pass; without a match, the set-up of sessions too",
	.group = VN_GROUP_CONNECTION,
	.example = "lost_reply --match '^QUERY COMMIT'",
	.sees = "no response, the connection closes (FIN) once the backend has answered",
	.options = options, .opts_size = sizeof(struct lost_reply),
	.on = VN_ON_RESPONSE,
	.traits = VN_TRAIT_SPARES,
	.act = act)
