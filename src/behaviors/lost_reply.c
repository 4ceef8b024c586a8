/* lost_reply - the request is carried out, but its answer never arrives: did it commit or not? */
#include "vaurien.h"

struct lost_reply { const char *end; };

static const char *const ends[] = { "close", "reset", NULL };

static const struct opt options[] = {
	{ "end", OPT_CHOICE, offsetof(struct lost_reply, end), "close", "How the connection ends in place of the answer", .choices = ends },
	{ 0 }
};

static void act(const struct event *e, struct verdict *v)
{
	const struct lost_reply *o = e->opts;

	if (e->len && e->msg->role != PUSH && !(e->msg->is & IS_LOGIN)) {
		v->fate = DROP;
		v->end = *o->end == 'r' ? RESET : CLOSE;
	}
}

BEHAVIOR(lost_reply,
	.help = "Requests are carried out and their answers are lost, and the connection with them; logins get through",
	.options = options, .opts_size = sizeof(struct lost_reply),
	.on = ON_RESPONSE,
	.act = act)
