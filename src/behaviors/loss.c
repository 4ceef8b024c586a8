/* loss - what TCP makes of lost packets: bytes are late, and none are missing. Datagrams
 * are lost.
 *
 * The model: a read is a number of segments. Each segment is lost with probability `rate`, and so
 * is each retransmission. The first retransmission follows after `rto`; each further one waits
 * twice as long, but at most `rto_max`. Bytes behind a lost segment wait for it. */
#include <math.h>

#include "vaurien.h"

struct loss { double rate; vn_nsec rto, rto_max; int64_t segment; };

static const struct vn_opt options[] = {
	{ "rate", VN_OPT_REAL, offsetof(struct loss, rate), "0.01",
	  "Share of the segments, or of the datagrams, that are lost", .max = 1 },
	{ "rto", VN_OPT_TIME, offsetof(struct loss, rto), "200",
	  "Time until a lost segment is sent again; each further loss of it doubles the time",
	  VN_MS },
	{ "rto_max", VN_OPT_TIME, offsetof(struct loss, rto_max), "120000",
	  "Limit of that time", VN_MS },
	{ "segment", VN_OPT_INT, offsetof(struct loss, segment), "1460",
	  "Bytes in a segment", .min = 1, .max = 65536 },
	{ 0 }
};

/* The greatest number of losses of one segment among `n`. (1 - rate^(times + 1))^n is the
 * probability that no segment is lost more than `times` times; this is its inverse at `u`, which is
 * uniform in [0, 1). */
static double losses(double rate, double n, double u)
{
	double more = -expm1(log(u) / n);

	return rate >= 1 ? INFINITY : rate <= 0 ? 0 : floor(log(more) / log(rate));
}

/* The sum of the waits after so many losses of a segment. */
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
	if (e->datagram) {
		if (vn_dice_unit(e->dice) < o->rate)
			v->fate = VN_DROP;
		return;
	}
	double segments = (double)((e->len + (size_t)o->segment - 1) / (size_t)o->segment);

	v->hold = late(o, losses(o->rate, segments, vn_dice_unit(e->dice)));
}

VN_BEHAVIOR(loss,
	.help = "Delays bytes as TCP does on a network that loses packets; no bytes are missing. "
	        "Datagrams are lost",
	.group = VN_GROUP_TIME,
	.example = "loss --rate 0.02",
	.sees = "some bytes arrive late, and none are missing",
	.options = options, .opts_size = sizeof(struct loss),
	.on = VN_ON_DATA,
	.needs = "rate", .without = "nothing will be lost",
	.traits = VN_TRAIT_DATAGRAMS,
	.act = act)
