/* failure.c - failures told: what they fit, when they come, what becomes of the connection. */
#include "spec/failure.h"

#include <stdio.h>

static const struct { unsigned is; const char *words; } kinds[] = {
	{ IS_OPENING, "the greeting" }, { IS_LOGIN, "logins" }, { IS_COMMAND, "commands" },
	{ IS_STATEMENT, "statements" }, { IS_READ, "reads" }, { IS_WRITE, "writes" }, { IS_BEGIN, "begins" },
	{ IS_COMMIT, "commits" }, { IS_ROLLBACK, "rollbacks" }, { IS_IN_TRANSACTION, "open transactions" },
};

static const struct { enum moment moment; const char *word; } moments[] = { { ON_REQUEST, "request" }, { ON_REST, "idle" } };

static const char *const ends[] = {
	[STAY] = "stays", [STALL] = "is not read any more", [CLOSE] = "is closed", [RESET] = "is reset",
	[VANISH] = "is not answered any more",
};

enum { KINDS = sizeof kinds / sizeof kinds[0], KINDS_MAX = KINDS + 16, MOMENTS_TOLD = sizeof moments / sizeof moments[0] };

const char *failure_end(const struct failure *f)
{
	return ends[f->end];
}

/* The i-th kind of messages, if it fits that; NULL: it does not. */
static const char *failure_kind(const struct failure *f, const struct protocol *p, size_t i)
{
	unsigned own = f->fits / IS_OWN;

	if (i < KINDS)
		return f->fits & kinds[i].is ? kinds[i].words : NULL;
	if (!p->own)
		return i == KINDS && own ? "certain commands" : NULL;
	for (size_t k = 0; k < i - KINDS; k++)
		if (!p->own[k])
			return NULL;
	return own >> (i - KINDS) & 1 ? p->own[i - KINDS] : NULL;
}

const char *failure_fits_show(const struct failure *f, const struct protocol *p, char *buffer, size_t size)
{
	size_t n = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < KINDS_MAX; i++) {
		const char *kind = failure_kind(f, p, i);
		if (kind && n < size)
			n += (size_t)snprintf(buffer + n, size - n, "%s%s", n ? ", " : "", kind);
	}
	return buffer;
}

json_t *failure_json(const struct failure *f, const struct protocol *p)
{
	json_t *fits = json_array(), *when = json_array();

	for (size_t i = 0; i < KINDS_MAX; i++) {
		const char *kind = failure_kind(f, p, i);
		if (kind)
			json_array_append_new(fits, json_string(kind));
	}
	for (size_t i = 0; i < MOMENTS_TOLD; i++)
		if (f->moments & moments[i].moment)
			json_array_append_new(when, json_string(moments[i].word));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b}", "name", f->name, "protocol", p->name, "code", f->code,
	                 "text", f->text, "fits", fits, "moments", when, "connection", failure_end(f),
	                 "drawn", !f->by_name && f->end == STAY);
}
