/* faults.c - toy behaviors, one for each thing that a verdict can say. */
#include "faults.h"

static const struct opt options[] = {
	{ "before", OPT_TIME, offsetof(struct fault, before), "0", "A time", NSEC_MS },
	{ "after", OPT_TIME, offsetof(struct fault, after), "0", "Another time", NSEC_MS },
	{ "n", OPT_INT, offsetof(struct fault, n), "0", "A number" },
	{ "failure", OPT_FAILURE, offsetof(struct fault, failure), NULL, "A failure" },
	{ 0 }
};

static void late(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->hold = e->moment == ON_REQUEST ? o->before : o->after;
}

static void hung(const struct event *e, struct verdict *v)
{
	v->hold = NEVER;
}

static void refused(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->fate = REPLY;
	v->failure = o->failure;
}

static void lost(const struct event *e, struct verdict *v)
{
	v->fate = DROP;
}

static void cut(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->keep = (size_t)o->n;
}

static void ended(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->end = o->n ? RESET : CLOSE;
	v->after = o->after;
}

static void idle(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->fate = REPLY;
	v->failure = "idle";
	v->after = o->after;
}

static void slow(const struct event *e, struct verdict *v)
{
	const struct fault *o = e->opts;

	v->hold = o->after;
}

#define FAULT(id, moments, fn) BEHAVIOR(id, .help = "A toy", .options = options, .opts_size = sizeof(struct fault), .on = (moments), .act = fn)

FAULT(toy_late, ON_REQUEST | ON_RESPONSE, late)
FAULT(toy_hung, ON_REQUEST | ON_RESPONSE | ON_END, hung)
FAULT(toy_refused, ON_REQUEST, refused)
FAULT(toy_lost, ON_REQUEST, lost)
FAULT(toy_mute, ON_RESPONSE, lost)
FAULT(toy_cut, ON_RESPONSE, cut)
FAULT(toy_ended, ON_REQUEST, ended)
FAULT(toy_open, ON_OPEN, ended)
FAULT(toy_leave, ON_LEAVE, ended)
FAULT(toy_idle, ON_REST, idle)
FAULT(toy_slow, ON_DATA, slow)
