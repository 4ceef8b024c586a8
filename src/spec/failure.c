/* failure.c - failures of a protocol: found by name, described as text and JSON. */
#include "spec/failure.h"

#include <stdio.h>
#include <string.h>

#include "spec/registry.h"

static const struct { unsigned is; const char *name; } kinds[] = {
	{ VN_IS_OPENING, "the greeting" }, { VN_IS_LOGIN, "logins" }, { VN_IS_COMMAND, "commands" },
	{ VN_IS_STATEMENT, "statements" }, { VN_IS_READ, "reads" }, { VN_IS_WRITE, "writes" },
	{ VN_IS_BEGIN, "begins" }, { VN_IS_COMMIT, "commits" }, { VN_IS_ROLLBACK, "rollbacks" },
	{ VN_IS_IN_TRANSACTION, "open transactions" },
};

static const struct { enum vn_moment moment; const char *name; } moments[] = {
	{ VN_ON_REQUEST, "request" }, { VN_ON_REST, "idle" },
};

static const char *const ends[] = {
	[VN_STAY] = "stays", [VN_STALL] = "is not read any more", [VN_CLOSE] = "is closed",
	[VN_RESET] = "is reset", [VN_VANISH] = "is not answered any more",
};

enum {
	KINDS = sizeof kinds / sizeof kinds[0],
	KINDS_MAX = KINDS + 16,         /* a protocol has up to 16 of its own */
	MOMENTS = sizeof moments / sizeof moments[0],
};

const char *failure_end(const struct vn_failure *f)
{
	return ends[f->end];
}

/* The name of the i-th kind of messages; NULL: the failure does not fit it. */
static const char *failure_kind(const struct vn_failure *f, const struct vn_protocol *p, size_t i)
{
	unsigned own = f->fits / VN_IS_OWN;

	if (i < KINDS)
		return f->fits & kinds[i].is ? kinds[i].name : NULL;
	if (!p->own)
		return i == KINDS && own ? "certain commands" : NULL;
	for (size_t k = 0; k < i - KINDS; k++)
		if (!p->own[k])
			return NULL;
	return own >> (i - KINDS) & 1 ? p->own[i - KINDS] : NULL;
}

const char *failure_fits_show(const struct vn_failure *f, const struct vn_protocol *p, char *buffer,
                              size_t size)
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

json_t *failure_json(const struct vn_failure *f, const struct vn_protocol *p)
{
	json_t *fits = json_array(), *when = json_array();

	for (size_t i = 0; i < KINDS_MAX; i++) {
		const char *kind = failure_kind(f, p, i);
		if (kind)
			json_array_append_new(fits, json_string(kind));
	}
	for (size_t i = 0; i < MOMENTS; i++)
		if (f->moments & moments[i].moment)
			json_array_append_new(when, json_string(moments[i].name));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b}", "name", f->name, "protocol",
	                 p->name, "code", f->code, "text", f->text, "fits", fits, "moments", when,
	                 "connection", failure_end(f), "drawn", !f->by_name && f->end == VN_STAY);
}

const struct vn_failure *failure_find(const struct vn_protocol *protocol, const char *name)
{
	for (const struct vn_failure *f = protocol->failures; f && f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

const struct vn_failure *failure_offered(const struct vn_protocol *p, const char *name)
{
	const struct vn_failure *f = failure_find(p, name);

	return f && f->moments ? f : NULL;
}

const char *failure_name_next(const char *last)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	const char *next = NULL;

	for (size_t i = 0; i < n; i++)
		for (const struct vn_failure *f = all[i]->failures; f && f->name; f++)
			if (f->moments && (!last || strcmp(f->name, last) > 0) &&
			    (!next || strcmp(f->name, next) < 0))
				next = f->name;
	return next;
}
