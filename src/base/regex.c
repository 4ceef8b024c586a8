/* regex.c - regular expressions with bounded search time (PCRE2, compiled to machine code).
 *
 * PCRE2's match limit counts anew at each byte where a match may begin, so it bounds no search.
 * Therefore the text is searched in slices of start positions, with a small limit. A slice that
 * exceeds it is searched position by position. Positions that exceed it are searched last, with a
 * larger limit. The clock is read between the calls. */
#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
	SLICE = 256,                    /* start positions of one call */
	QUICK = 200,                    /* steps at each position, at first */
	DEEP = 100000,                  /* steps at a position that exceeded QUICK */
	HARD_MAX = 256,                 /* positions that may exceed QUICK */
	PATTERN_MAX = 4096,             /* bytes */
	COMPILED_MAX = 256 * 1024,      /* bytes */
};

#define BUDGET (5 * VN_MS)              /* processor time of one search */

struct regex {
	pcre2_code *code, *caseless;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	bool jit;                       /* `code` is machine code */
};

static pcre2_code *compile(const char *text, uint32_t how, int *code, size_t *at)
{
	return pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	                     PCRE2_DOTALL | PCRE2_USE_OFFSET_LIMIT | how, code, at, NULL);
}

bool regex_check(const char *text, char error[ERROR_MAX])
{
	PCRE2_UCHAR why[120];
	size_t at, size = 0;
	int code;

	if (strlen(text) > PATTERN_MAX) {
		error_format(
			error, "match: expected a regular expression of at most %d bytes, got %zu",
			PATTERN_MAX, strlen(text));
		return false;
	}
	pcre2_code *p = compile(text, 0, &code, &at);
	if (!p) {
		pcre2_get_error_message(code, why, sizeof why);
		error_format(error, "match: expected a regular expression; at offset %zu: %s", at,
		             (char *)why);
		return false;
	}
	pcre2_pattern_info(p, PCRE2_INFO_SIZE, &size);
	pcre2_code_free(p);
	if (size > COMPILED_MAX)
		error_format(
			error,
			"match: expected a smaller regular expression, got %zu KiB (at most %d)",
			size / 1024, COMPILED_MAX / 1024);
	return size <= COMPILED_MAX;
}

/* Only of an anchored pattern the first bytes decide. The other search of PCRE2 is used: this one
 * looks at each byte, so that it knows whether more of them could have led to a match. */
bool regex_never(const char *text, const char *head)
{
	uint32_t how = 0;
	int room[1000];
	size_t at;
	int code;
	pcre2_code *p = compile(text, 0, &code, &at);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *limits = pcre2_match_context_create(NULL);

	assert(p && data && limits);
	pcre2_pattern_info(p, PCRE2_INFO_ALLOPTIONS, &how);
	pcre2_set_match_limit(limits, DEEP);
	int found = pcre2_dfa_match(p, (PCRE2_SPTR)head, strlen(head), 0, PCRE2_PARTIAL_HARD,
	                            data, limits, room, sizeof room / sizeof *room);
	pcre2_match_context_free(limits);
	pcre2_match_data_free(data);
	pcre2_code_free(p);
	return how & PCRE2_ANCHORED && found == PCRE2_ERROR_NOMATCH;
}

struct regex *regex_make(const char *text)
{
	struct regex *p = xcalloc(1, sizeof *p);
	size_t at;
	int code;

	p->code = compile(text, 0, &code, &at);
	p->caseless = compile(text, PCRE2_CASELESS, &code, &at);
	assert(p->code && p->caseless);
	/* Without a compiler for this machine, PCRE2 interprets the pattern. */
	p->jit = !pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->data = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	assert(p->data && p->limits);
	return p;
}

void regex_free(struct regex *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	pcre2_code_free(p->caseless);
	pcre2_match_data_free(p->data);
	pcre2_match_context_free(p->limits);
	free(p);
}

/* Returns REGEX_YES if a match begins at one of the positions `from` to `last`. */
static enum regex_answer search(struct regex *p, const pcre2_code *code, struct vn_span text,
                                size_t from, size_t last, uint32_t steps)
{
	bool fast = p->jit && code == p->code;

	pcre2_set_match_limit(p->limits, steps);
	pcre2_set_offset_limit(p->limits, last);
	int found = fast ? pcre2_jit_match(code, text.p, text.n, from, 0, p->data, p->limits) :
	                   pcre2_match(code, text.p, text.n, from, 0, p->data, p->limits);
	if (found == PCRE2_ERROR_JIT_STACKLIMIT)        /* the interpreter uses the heap */
		found = pcre2_match(code, text.p, text.n, from, PCRE2_NO_JIT, p->data, p->limits);
	return found >= 0 ? REGEX_YES : found == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_GAVE_UP;
}

/* Positions that exceeded QUICK, and the deadline of the search, in processor time. */
struct undecided { size_t n, at[HARD_MAX]; vn_nsec end; };

static bool out_of_time(struct undecided *u)
{
	vn_nsec now = clock_thread();

	if (!u->end)
		u->end = now + BUDGET;
	return now > u->end;
}

/* Searches a slice position by position. Positions that exceed QUICK go to `u`. */
static enum regex_answer search_slice(struct regex *p, const pcre2_code *code, struct vn_span text,
                                      size_t from, size_t last, struct undecided *u)
{
	for (size_t at = from; at <= last; at++) {
		enum regex_answer one = search(p, code, text, at, at, QUICK);
		if (one == REGEX_YES)
			return REGEX_YES;
		if (one == REGEX_GAVE_UP && (u->n == HARD_MAX || out_of_time(u)))
			return REGEX_GAVE_UP;
		if (one == REGEX_GAVE_UP)
			u->at[u->n++] = at;
	}
	return REGEX_NO;
}

static enum regex_answer search_undecided(struct regex *p, const pcre2_code *code,
                                          struct vn_span text, struct undecided *u)
{
	enum regex_answer all = REGEX_NO;

	for (size_t i = 0; i < u->n; i++) {
		enum regex_answer one = out_of_time(u) ?
		                                REGEX_GAVE_UP :
		                                search(p, code, text, u->at[i], u->at[i], DEEP);
		if (one == REGEX_YES)
			return REGEX_YES;
		if (one == REGEX_GAVE_UP)
			all = REGEX_GAVE_UP;
	}
	return all;
}

static enum regex_answer match(struct regex *p, const pcre2_code *code, struct vn_span text)
{
	struct undecided u = { .n = 0 };

	for (size_t from = 0; from <= text.n; from += SLICE) {
		size_t last = from + SLICE - 1 < text.n ? from + SLICE - 1 : text.n;
		enum regex_answer one = search(p, code, text, from, last, QUICK);
		if (one == REGEX_GAVE_UP)
			one = search_slice(p, code, text, from, last, &u);
		if (one != REGEX_NO)
			return one;
		if (last < text.n && out_of_time(&u))
			return REGEX_GAVE_UP;
	}
	return u.n ? search_undecided(p, code, text, &u) : REGEX_NO;
}

enum regex_answer regex_match(struct regex *p, struct vn_span text)
{
	return match(p, p->code, text);
}

enum regex_answer regex_match_icase(struct regex *p, struct vn_span text)
{
	return match(p, p->caseless, text);
}
