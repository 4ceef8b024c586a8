/* truncate - a response is cut, and the connection ends there. */
#include "vaurien.h"

struct truncation { const char *where, *end; int64_t bytes; };

static const char *const places[] = { "middle", "prefix", "boundary", NULL };
static const char *const ends[] = { "close", "reset", NULL };

static const struct vn_opt options[] = {
	{ "where", VN_OPT_CHOICE, offsetof(struct truncation, where), "middle",
	  "Place of the cut: in the content, in the framing before it (a length, a status line), "
	  "or between the two", .choices = places },
	{ "bytes", VN_OPT_INT, offsetof(struct truncation, bytes), "0",
	  "Number of bytes that pass, shorter responses are not cut; 0: where sets the place" },
	{ "end", VN_OPT_CHOICE, offsetof(struct truncation, end), "close",
	  "How the connection ends, with FIN (close) or RST (reset)", .choices = ends },
	{ 0 }
};

struct reply { bool counted; uint64_t left; };  /* `left`: bytes of it that still pass */

/* The offset of the cut. Without framing, or with nothing but framing at hand, all is content. */
static size_t place(const struct vn_event *e, const char *where)
{
	size_t head = e->msg->head < e->len ? e->msg->head : 0;

	if (*where == 'm' || !head)
		return head + (e->len - head) / 2;
	return *where == 'p' ? head / 2 : head;
}

/* It is shorter, and nothing ends. */
static void cut_datagram(const struct vn_event *e, const struct truncation *o, struct vn_verdict *v)
{
	size_t at = o->bytes ? (size_t)o->bytes : place(e, o->where);

	if (e->moment == VN_ON_DATA && at < e->len)
		v->keep = at;
}

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct truncation *o = e->opts;
	struct reply *r = e->state;
	enum vn_end end = *o->end == 'r' ? VN_RESET : VN_CLOSE;

	if (e->datagram) {
		cut_datagram(e, o, v);
		return;
	}
	if (e->interim)
		return;
	if (e->moment == VN_ON_RESPONSE) {
		/* No greeting, and no error of our own. */
		bool reply = e->len && e->msg->role != VN_PUSH;
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
	.help = "Cuts responses short, and ends the connection at the cut. Datagrams are shorter",
	.group = VN_GROUP_BYTES,
	.example = "truncate --match '^QUERY SELECT'",
	.sees = "the beginning of a response, then the connection closes (FIN)",
	.options = options, .opts_size = sizeof(struct truncation),
	.state_size = sizeof(struct reply),
	.on = VN_ON_RESPONSE | VN_ON_DATA, .direction = VN_RESPONSE,
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
