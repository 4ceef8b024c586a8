/* verdict.c - operations on verdicts: fold several into one, limit, print. */
#include "rules/verdict.h"

#include <stdio.h>
#include <string.h>

/* Structs of guests may have anything in the gaps between their fields. */
static bool tls_calm(const struct vn_tls *t)
{
	bool certificate = t->flaw || t->file;
	bool chosen = t->only || t->ciphers || t->alpn || t->alpn_refused;
	bool client = t->demand || t->reject;
	bool answer = t->alert || t->refused || t->plain || t->forget;
	bool place = t->stall || (t->late && t->hold) || (t->breaks && t->end);

	return !certificate && !chosen && !client && !answer && !place && !t->truncate &&
	       !t->corrupt;
}

enum { COPIES_MAX = 100 };              /* by one rule */

bool verdict_calm(const struct vn_verdict *v)
{
	if (v->tls && !tls_calm(v->tls))
		return false;
	return v->fate == VN_PASS && v->keep == VN_ALL && !v->hold && !v->pace.rate &&
	       !v->pace.piece && !v->pace.gap && !v->dirt.junk && !v->dirt.flips &&
	       !v->dirt.edited && !v->copies && !v->behind.others && v->end == VN_STAY;
}

static enum vn_tls_place place_clamp(enum vn_tls_place p)
{
	return (unsigned)p > VN_TLS_AT_FINISHED ? VN_TLS_AT_NONE : p;
}

static void tls_clamp(struct vn_tls *t)
{
	t->stall = place_clamp(t->stall);
	t->late = place_clamp(t->late);
	t->breaks = place_clamp(t->breaks);
	if (t->hold < 0)
		t->hold = 0;
	if (t->end != VN_CLOSE && t->end != VN_RESET)
		t->end = VN_STAY;
	if (t->only < 0x0301 || t->only > 0x0304)
		t->only = 0;
	if (!t->nth)
		t->nth = 1;
	if (!(t->corrupted & VN_BOTH))
		t->corrupted = VN_RESPONSE;
}

void verdict_clamp(struct vn_verdict *v)
{
	if (v->tls)
		tls_clamp(v->tls);
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

static enum vn_tls_place earlier(enum vn_tls_place a, enum vn_tls_place b)
{
	return !a ? b : !b || a < b ? a : b;
}

static void first(const char **into, const char *text)
{
	if (!*into)
		*into = text;
}

/* What a handshake is shown. */
static void tls_fold_shown(struct vn_tls *into, const struct vn_tls *t)
{
	if (!into->flaw && !into->file) {
		into->flaw = t->flaw;
		into->file = t->file;
	}
	if (!into->alpn && !into->alpn_refused) {
		into->alpn = t->alpn;
		into->alpn_refused = t->alpn_refused;
	}
	if (!into->only)
		into->only = t->only;
	first(&into->alert, t->alert);
	first(&into->ciphers, t->ciphers);
	first(&into->reject, t->reject);
	into->demand |= t->demand;
	into->plain |= t->plain;
	into->forget |= t->forget;
}

/* Of two stalls the earlier one counts. While it lasts, nobody sees the other. */
static void tls_fold_places(struct vn_tls *into, const struct vn_tls *t, uint64_t *owner,
                            uint64_t rule)
{
	if (t->stall && (!into->stall || t->stall < into->stall)) {
		into->stall = t->stall;
		owner[TLS_STALL] = rule;
	}
	if (t->late && t->hold) {
		into->late = earlier(into->late, t->late);
		into->hold = add_nsec(into->hold, t->hold);
		owner[TLS_LATE] = rule;
	}
	if (t->breaks && t->end > into->end) {
		into->breaks = t->breaks;
		into->end = t->end;
		owner[TLS_BREAK] = rule;
	}
}

void tls_fold(struct vn_tls *into, const struct vn_tls *t, uint64_t owner[TLS_PARTS], uint64_t rule)
{
	if (t->refused && !into->refused) {
		into->refused = true;
		owner[TLS_REFUSE] = rule;
	}
	tls_fold_shown(into, t);
	tls_fold_places(into, t, owner, rule);
	if (t->truncate && (!into->truncate || t->after < into->after)) {
		into->truncate = true;
		into->after = t->after;
		owner[TLS_TRUNCATE] = rule;
	}
	if (t->corrupt && !into->corrupt) {
		into->corrupt = t->corrupt;
		into->nth = t->nth;
		into->corrupted = t->corrupted;
		owner[TLS_CORRUPT] = rule;
	}
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

/* Appends "what" or "what:more", behind a comma if something is before it. */
static void show_add(char *buffer, size_t size, bool is, const char *what, const char *more)
{
	size_t n = strlen(buffer);

	if (is)
		snprintf(buffer + n, size - n, "%s%s%s%s", n ? "," : "", what,
		         more && *more ? ":" : "", more ? more : "");
}

static void tls_show(const struct vn_tls *t, char *buffer, size_t size)
{
	static const char *const places[] = { "", "upgrade", "client_hello", "server_hello",
		                              "finished" };
	static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3" };
	char hold[32];

	snprintf(hold, sizeof hold, "%.6f", (double)t->hold / VN_S);
	show_add(buffer, size, t->flaw, "flaw", t->flaw);
	show_add(buffer, size, t->file, "certificate", NULL);
	show_add(buffer, size, t->stall, "stall", places[t->stall]);
	show_add(buffer, size, t->late && t->hold, "late", hold);
	show_add(buffer, size, t->alert, "alert", t->alert);
	show_add(buffer, size, t->breaks && t->end, t->end == VN_RESET ? "reset" : "close",
	         places[t->breaks]);
	show_add(buffer, size, t->only, "only", t->only ? versions[t->only - 0x0301] : "");
	show_add(buffer, size, t->ciphers, "ciphers", t->ciphers);
	show_add(buffer, size, t->alpn_refused, "alpn-refused", NULL);
	show_add(buffer, size, t->alpn, "alpn", t->alpn);
	show_add(buffer, size, t->demand, "demand", NULL);
	show_add(buffer, size, t->reject, "reject", t->reject);
	show_add(buffer, size, t->refused, "refused", NULL);
	show_add(buffer, size, t->plain, "plain", NULL);
	show_add(buffer, size, t->forget, "forget", NULL);
	show_add(buffer, size, t->truncate, "truncate", NULL);
	show_add(buffer, size, t->corrupt, "corrupt", t->corrupt);
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
	if (!v->tls)
		return buffer;
	/* No message passes in a handshake: "flaw:expired", not "pass,flaw:expired". */
	if (!strcmp(buffer, fates[VN_PASS]) && !tls_calm(v->tls))
		buffer[0] = '\0';
	tls_show(v->tls, buffer, size);
	return buffer;
}
