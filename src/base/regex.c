/* regex.c - regular expressions on "VERB subject": PCRE2, compiled to machine code, with a limit on the work. */
#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { WORK = 100000 };                 /* match limit: a pattern that needs more does not match */

struct regex {
	pcre2_code *code, *caseless;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	bool jit;                       /* `code` is machine code */
};

static pcre2_code *compile(const char *text, uint32_t how, int *code, size_t *at)
{
	return pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_DOTALL | how, code, at, NULL);
}

bool regex_check(const char *text, char error[ERROR_MAX])
{
	PCRE2_UCHAR why[120];
	size_t at;
	int code;
	pcre2_code *p = compile(text, 0, &code, &at);

	if (p) {
		pcre2_code_free(p);
		return true;
	}
	pcre2_get_error_message(code, why, sizeof why);
	error_format(error, "match: expected a regular expression; at offset %zu: %s", at, (char *)why);
	return false;
}

struct regex *regex_make(const char *text)
{
	struct regex *p = xcalloc(1, sizeof *p);
	size_t at;
	int code;

	p->code = compile(text, 0, &code, &at);
	p->caseless = compile(text, PCRE2_CASELESS, &code, &at);
	assert(p->code && p->caseless);
	p->jit = !pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);       /* where there is none, it goes without */
	p->data = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	assert(p->data && p->limits);
	pcre2_set_match_limit(p->limits, WORK);
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

static bool finds(struct regex *p, const pcre2_code *code, struct vn_span text)
{
	bool fast = p->jit && code == p->code;
	int found = (fast ? pcre2_jit_match : pcre2_match)(code, text.p, text.n, 0, 0, p->data, p->limits);

	if (found == PCRE2_ERROR_JIT_STACKLIMIT)        /* the interpreter has more room */
		found = pcre2_match(code, text.p, text.n, 0, PCRE2_NO_JIT, p->data, p->limits);
	return found >= 0;
}

bool regex_match(struct regex *p, struct vn_span text)
{
	return finds(p, p->code, text);
}

bool regex_match_icase(struct regex *p, struct vn_span text)
{
	return finds(p, p->caseless, text);
}
