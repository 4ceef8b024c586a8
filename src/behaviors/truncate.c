/* truncate - a reply is cut short, and the connection ends where it was cut. */
#include "vaurien.h"

struct truncation { const char *where, *end; int64_t bytes; };

static const char *const places[] = { "middle", "prefix", "boundary", NULL };
static const char *const ends[] = { "close", "reset", NULL };

static const struct vn_opt options[] = {
	{ "where", VN_OPT_CHOICE, offsetof(struct truncation, where), "middle", "In the content, inside the framing before it (a length, a status line), or between these two", .choices = places },
	{ "bytes", VN_OPT_INT, offsetof(struct truncation, bytes), "0", "Behind so many bytes, and shorter replies pass; 0: as where says" },
	{ "end", VN_OPT_CHOICE, offsetof(struct truncation, end), "close", "How the connection ends", .choices = ends },
	{ 0 }
};

struct reply { bool counted; uint64_t left; };  /* the one under way: of `bytes` so many still pass */

/* Where there is no framing, or no more than that is at hand, all is one content. */
static size_t place(const struct vn_event *e, const char *where)
{
	size_t head = e->msg->head < e->len ? e->msg->head : 0;

	if (*where == 'm' || !head)
		return head + (e->len - head) / 2;
	return *where == 'p' ? head / 2 : head;
}

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct truncation *o = e->opts;
	struct reply *r = e->state;
	enum vn_end end = *o->end == 'r' ? VN_RESET : VN_CLOSE;

	if (e->interim)
		return;
	if (e->moment == VN_ON_RESPONSE) {
		bool reply = e->len && e->msg->role != VN_PUSH;    /* not a greeting, nor a refusal's words */
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

VN_BEHAVIOR(truncate,
	.help = "Replies are cut short, and the connection ends there",
	.options = options, .opts_size = sizeof(struct truncation), .state_size = sizeof(struct reply),
	.on = VN_ON_RESPONSE | VN_ON_DATA, .direction = VN_RESPONSE,
	.act = act)
