/* truncate - a reply is cut short, and the connection ends where it was cut. */
#include "vaurien.h"

struct truncation { const char *where, *end; int64_t bytes; };

static const char *const places[] = { "middle", "prefix", "boundary", NULL };
static const char *const ends[] = { "close", "reset", NULL };

static const struct opt options[] = {
	{ "where", OPT_CHOICE, offsetof(struct truncation, where), "middle", "In the content, inside the framing before it (a length, a status line), or between these two", .choices = places },
	{ "bytes", OPT_INT, offsetof(struct truncation, bytes), "0", "Behind so many bytes, and shorter replies pass; 0: as where says" },
	{ "end", OPT_CHOICE, offsetof(struct truncation, end), "close", "How the connection ends", .choices = ends },
	{ 0 }
};

struct reply { bool counted; uint64_t left; };  /* the one under way: of `bytes` so many still pass */

/* Where there is no framing, or no more than that is at hand, all is one content. */
static size_t place(const struct event *e, const char *where)
{
	size_t head = e->msg->head < e->len ? e->msg->head : 0;

	if (*where == 'm' || !head)
		return head + (e->len - head) / 2;
	return *where == 'p' ? head / 2 : head;
}

static void act(const struct event *e, struct verdict *v)
{
	const struct truncation *o = e->opts;
	struct reply *r = e->state;
	enum end end = *o->end == 'r' ? RESET : CLOSE;

	if (e->moment == ON_RESPONSE) {
		bool reply = e->len && e->msg->role != PUSH;    /* not a greeting, nor a refusal's words */
		*r = (struct reply){ reply && o->bytes, (uint64_t)o->bytes };
		if (reply && !o->bytes) {
			v->keep = place(e, o->where);
			v->end = end;
		}
	} else if (r->counted && e->len > r->left) {
		v->keep = (size_t)r->left;
		v->end = end;
	} else if (r->counted) {
		r->left -= e->len;
	}
}

BEHAVIOR(truncate,
	.help = "Replies are cut short, and the connection ends there",
	.options = options, .opts_size = sizeof(struct truncation), .state_size = sizeof(struct reply),
	.on = ON_RESPONSE | ON_DATA, .direction = RESPONSE,
	.act = act)
