/* faults.c - toy behaviors for the model test, one for each field of a verdict. */
#include "faults.h"

static const struct vn_opt options[] = {
	{ "before", VN_OPT_TIME, offsetof(struct http_error, before), "0", "A time", VN_MS },
	{ "after", VN_OPT_TIME, offsetof(struct http_error, after), "0", "Another time", VN_MS },
	{ "n", VN_OPT_INT, offsetof(struct http_error, n), "0", "A number" },
	{ "failure", VN_OPT_FAILURE, offsetof(struct http_error, failure), NULL, "A failure" },
	{ 0 }
};

static void late(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->hold = e->moment == VN_ON_REQUEST ? o->before : o->after;
}

static void hung(const struct vn_event *e, struct vn_verdict *v)
{
	v->hold = VN_NEVER;
}

static void refused(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->fate = VN_REPLY;
	v->failure = o->failure;
}

static void lost(const struct vn_event *e, struct vn_verdict *v)
{
	v->fate = VN_DROP;
}

static void cut(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->keep = (size_t)o->n;
}

static void ended(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->end = o->n ? VN_RESET : VN_CLOSE;
	v->after = o->after;
}

static void idle(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->fate = VN_REPLY;
	v->failure = "idle";
	v->after = o->after;
}

static void slow(const struct vn_event *e, struct vn_verdict *v)
{
	const struct http_error *o = e->opts;

	v->hold = o->after;
}

#define FAULT(id, moments, fn)                                                                     \
	VN_BEHAVIOR(id, .help = "A toy", .options = options,                                       \
	            .opts_size = sizeof(struct http_error), .on = (moments), .act = fn)

FAULT(toy_late, VN_ON_REQUEST | VN_ON_RESPONSE, late)
FAULT(toy_hung, VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_END, hung)
FAULT(toy_refused, VN_ON_REQUEST, refused)
FAULT(toy_lost, VN_ON_REQUEST, lost)
FAULT(toy_mute, VN_ON_RESPONSE, lost)
FAULT(toy_cut, VN_ON_RESPONSE, cut)
FAULT(toy_ended, VN_ON_REQUEST, ended)
FAULT(toy_open, VN_ON_OPEN, ended)
FAULT(toy_leave, VN_ON_LEAVE, ended)
FAULT(toy_idle, VN_ON_REST, idle)
FAULT(toy_slow, VN_ON_DATA, slow)
