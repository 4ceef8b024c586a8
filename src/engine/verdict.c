/* verdict.c - operations on verdicts: fold several into one, limit, print. */
#include "engine/verdict.h"

#include <stdio.h>

enum { COPIES_MAX = 100 };              /* by one rule */

bool verdict_calm(const struct vn_verdict *v)
{
	return v->fate == VN_PASS && v->keep == VN_ALL && !v->hold && !v->pace.rate &&
	       !v->pace.piece && !v->pace.gap && !v->dirt.junk && !v->dirt.flips &&
	       !v->dirt.edited && !v->copies && !v->behind.others && v->end == VN_STAY;
}

void verdict_clamp(struct vn_verdict *v)
{
	if ((unsigned)v->fate > VN_REPLY)
		v->fate = VN_PASS;
	if ((unsigned)v->end > VN_VANISH)
		v->end = VN_STAY;
	if (v->hold < 0)
		v->hold = 0;
	if (v->after < 0)
		v->after = 0;
	if (v->pace.gap < 0)
		v->pace.gap = 0;
	if (v->pace.gap > 0 && !v->pace.piece)
		v->pace.piece = 1 << 16;
	if (v->pace.vary >= v->pace.piece)
		v->pace.vary = v->pace.piece ? v->pace.piece - 1 : 0;
	if (v->dirt.junk > 1 << 16)
		v->dirt.junk = 1 << 16;
	if (v->dirt.flips > 1 << 16)
		v->dirt.flips = 1 << 16;
	if (v->copies > COPIES_MAX)
		v->copies = COPIES_MAX;
	if (v->behind.wait < 0)
		v->behind.wait = 0;
}

static vn_nsec add_nsec(vn_nsec a, vn_nsec b)
{
	return a > VN_NEVER - b ? VN_NEVER : a + b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

static void pace_fold(struct vn_pace *into, const struct vn_pace *p)
{
	into->rate = least(into->rate, p->rate);
	if (p->piece && (!into->piece || p->piece < into->piece)) {
		into->piece = p->piece;
		into->vary = p->vary;
	}
	into->gap = add_nsec(into->gap, p->gap);
}

void verdict_fold(struct vn_verdict *into, const struct vn_verdict *v)
{
	if (v->fate > into->fate)
		into->fate = v->fate;
	if (!into->failure)
		into->failure = v->failure;
	if (v->keep < into->keep)
		into->keep = v->keep;
	into->hold = add_nsec(into->hold, v->hold);
	pace_fold(&into->pace, &v->pace);
	if (!into->dirt.junk)
		into->dirt.at = v->dirt.at;
	into->dirt.junk += v->dirt.junk;
	into->dirt.flips += v->dirt.flips;
	into->dirt.edited |= v->dirt.edited;
	into->copies += v->copies;
	if (v->end > into->end || (v->end == into->end && v->after < into->after))
		into->after = v->after;
	if (v->end > into->end)
		into->end = v->end;
}

const char *verdict_show(const struct vn_verdict *v, const struct vn_failure *f, char *buffer,
                         size_t size)
{
	static const char *const fates[] = { "pass", "drop", "reply" };
	static const char *const ends[] = { "", ",stall", ",close", ",reset", ",vanish" };
	char hold[32] = "", keep[32] = "", junk[32] = "", more[48] = "";

	if (v->hold == VN_NEVER)
		snprintf(hold, sizeof hold, ",hold:until-changed");
	else if (v->hold)
		snprintf(hold, sizeof hold, ",hold:%.6f", (double)v->hold / VN_S);
	if (v->keep != VN_ALL)
		snprintf(keep, sizeof keep, ",keep:%zu", v->keep);
	if (v->dirt.junk)
		snprintf(junk, sizeof junk, ",junk:%zu", v->dirt.junk);
	if (v->copies)
		snprintf(more, sizeof more, ",copies:%u", v->copies);
	else if (v->behind.others)
		snprintf(more, sizeof more, ",behind:%u", v->behind.others);
	snprintf(buffer, size, "%s%s%s%s%s%s%s%s%s%s", fates[v->fate], f ? ":" : "",
	         f ? f->name : "", hold, more, keep,
	         v->pace.rate || v->pace.piece ? ",paced" : "", junk,
	         v->dirt.flips || v->dirt.edited ? ",edited" : "", ends[v->end]);
	return buffer;
}
