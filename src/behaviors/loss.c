/* loss - what a network that loses packets does to a TCP stream: bytes come late, none are missing.
 *
 * The model: what was read at once left in segments. Each is lost with probability `rate`, and so is each
 * retransmission. The first follows after `rto`, each further one waits twice as long as that before it, but
 * never longer than `rto_max`. What came behind a lost segment waits for it. */
#include <math.h>

#include "vaurien.h"

struct loss { double rate; vn_nsec rto, rto_max; int64_t segment; };

static const struct vn_opt options[] = {
	{ "rate", VN_OPT_REAL, offsetof(struct loss, rate), "0.01", "The share of segments that is lost", .max = 1 },
	{ "rto", VN_OPT_TIME, offsetof(struct loss, rto), "200", "After how long a lost segment is sent again; doubled for each further loss of it", VN_MS },
	{ "rto_max", VN_OPT_TIME, offsetof(struct loss, rto_max), "120000", "The longest that this becomes", VN_MS },
	{ "segment", VN_OPT_INT, offsetof(struct loss, segment), "1460", "Bytes in a segment", .min = 1, .max = 65536 },
	{ 0 }
};

/* Of `n` segments one was lost most often. How often: the inverse of (1 - rate^(times + 1))^n, its chance of no more. */
static double losses(double rate, double n, double u)
{
	double more = -expm1(log(u) / n);

	return rate >= 1 ? INFINITY : rate <= 0 ? 0 : floor(log(more) / log(rate));
}

static vn_nsec late(const struct loss *o, double times)
{
	double sum = 0, wait = (double)o->rto, most = (double)o->rto_max;

	for (; times >= 1 && wait < most; times--, wait *= 2)
		sum += wait;
	if (times >= 1 && most > 0)
		sum += times * most;
	return sum < 0x1p62 ? (vn_nsec)sum : VN_NEVER;
}

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct loss *o = e->opts;
	double segments = (double)((e->len + (size_t)o->segment - 1) / (size_t)o->segment);

	v->hold = late(o, losses(o->rate, segments, vn_dice_unit(e->dice)));
}

VN_BEHAVIOR(loss,
	.help = "Packets are lost on the way, as TCP's streams know it: bytes come late, by the waits for retransmissions, and none are missing",
	.options = options, .opts_size = sizeof(struct loss),
	.on = VN_ON_DATA,
	.act = act)
