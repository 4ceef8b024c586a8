/* lost_reply - the request is carried out, but its answer never arrives: did it commit or not? */
#include "vaurien.h"

struct lost_reply { const char *end; };

static const char *const ends[] = { "close", "reset", NULL };

static const struct vn_opt options[] = {
	{ "end", VN_OPT_CHOICE, offsetof(struct lost_reply, end), "close", "How the connection ends in place of the answer", .choices = ends },
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
	.help = "Requests are carried out and their answers are lost, and the connection with them; logins get through",
	.options = options, .opts_size = sizeof(struct lost_reply),
	.on = VN_ON_RESPONSE,
	.act = act)
