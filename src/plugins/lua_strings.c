/* lua_strings.c - find, match, gmatch and gsub on strings, and on bytes in place. */
#include "plugins/lua_strings.h"

#include <ctype.h>
#include <lua5.4/lauxlib.h>
#include <string.h>

#include "plugins/lua_bytes.h"
#include "plugins/lua_pattern.h"
#include "plugins/lua_vm.h"

/* A pattern must be a string, because a NUL must stand behind it. */
static struct vn_span pattern_check(lua_State *L, int argument)
{
	size_t n;
	const char *text = luaL_checklstring(L, argument, &n);

	return (struct vn_span){ (const uint8_t *)text, n };
}

static void capture_push(struct matching *m, unsigned i, const uint8_t *s, const uint8_t *e)
{
	if (i >= m->n && i)
		luaL_error(m->L, "invalid capture index %%%d", i + 1);
	if (i >= m->n)
		lua_pushlstring(m->L, (const char *)s, (size_t)(e - s));
	else if (m->captures[i].n == OPEN)
		luaL_error(m->L, "unfinished capture");
	else if (m->captures[i].n == POSITION)
		lua_pushinteger(m->L, m->captures[i].at - m->start + 1);
	else
		lua_pushlstring(m->L, (const char *)m->captures[i].at, (size_t)m->captures[i].n);
}

/* All captures; without any the whole match, unless `s` is NULL. */
static int captures_push(struct matching *m, const uint8_t *s, const uint8_t *e)
{
	unsigned n = m->n || !s ? m->n : 1;

	luaL_checkstack(m->L, (int)n, "too many captures");
	for (unsigned i = 0; i < n; i++)
		capture_push(m, i, s, e);
	return (int)n;
}

/* Where to begin, from 0; SIZE_MAX: beyond the end. */
static size_t start_check(lua_State *L, int argument, size_t n)
{
	lua_Integer i = luaL_optinteger(L, argument, 1);

	if (i < 0)
		i = i < -(lua_Integer)n ? 1 : (lua_Integer)n + i + 1;
	return i > (lua_Integer)n ? i - 1 > (lua_Integer)n ? SIZE_MAX : n : i ? (size_t)i - 1 : 0;
}

static int plain_find(lua_State *L, struct vn_span text, struct vn_span what, size_t from)
{
	const uint8_t *at = text.p + from;

	if (what.n)
		at = memmem(at, text.n - from, what.p, what.n);

	if (!at)
		lua_pushnil(L);
	else
		lua_pushinteger(L, at - text.p + 1);
	if (at)
		lua_pushinteger(L, at - text.p + (lua_Integer)what.n);
	return at ? 2 : 1;
}

static bool plain(struct vn_span pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (strchr("^$*+?.([%-", pattern.p[i]) && pattern.p[i])
			return false;
	return true;
}

static int search(lua_State *L, bool find)
{
	struct matching m;
	struct vn_span text = bytes_check(L, 1);
	bool exact = find && lua_toboolean(L, 4);
	struct vn_span pattern = exact ? bytes_check(L, 2) : pattern_check(L, 2);
	size_t from = start_check(L, 3, text.n);
	const uint8_t *p = pattern.p, *found;
	bool anchored = pattern.n && *p == '^';

	if (from == SIZE_MAX) {
		lua_pushnil(L);
		return 1;
	}
	if (exact || (find && plain(pattern)))
		return plain_find(L, text, pattern, from);
	matching_init(&m, L, text, pattern);
	for (const uint8_t *s = text.p + from; s <= m.end; s++) {
		if ((found = match_at(&m, s, p + anchored))) {
			if (!find)
				return captures_push(&m, s, found);
			lua_pushinteger(L, s - text.p + 1);
			lua_pushinteger(L, found - text.p);
			return captures_push(&m, NULL, NULL) + 2;
		}
		if (anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

int pattern_find_call(lua_State *L)
{
	return search(L, true);
}

int pattern_match_call(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: text, pattern, where to go on, where the last match ended. */
static int gmatch_next(lua_State *L)
{
	struct matching m;
	struct vn_span text = bytes_check(L, lua_upvalueindex(1));
	struct vn_span pattern = pattern_check(L, lua_upvalueindex(2));
	const uint8_t *last = text.p + lua_tointeger(L, lua_upvalueindex(4)), *e;

	matching_init(&m, L, text, pattern);
	for (const uint8_t *s = text.p + lua_tointeger(L, lua_upvalueindex(3)); s <= m.end; s++) {
		if (!(e = match_at(&m, s, pattern.p)) || e == last)
			continue;
		lua_pushinteger(L, e - text.p);
		lua_copy(L, -1, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return captures_push(&m, s, e);
	}
	return 0;
}

int pattern_gmatch_call(lua_State *L)
{
	struct vn_span text = bytes_check(L, 1);
	size_t from = start_check(L, 3, text.n);

	pattern_check(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, from == SIZE_MAX ? (lua_Integer)text.n + 1 : (lua_Integer)from);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* Add the replacement string, with captures for "%1" and the whole match for "%0". */
static void replacement_add(struct matching *m, luaL_Buffer *b, const uint8_t *s, const uint8_t *e)
{
	size_t n;
	const char *text = lua_tolstring(m->L, 3, &n);

	if (n >= 8)
		matching_step(m, n / 8);
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '%') {
			luaL_addchar(b, text[i]);
		} else if (text[++i] == '%') {
			luaL_addchar(b, '%');
		} else if (text[i] == '0') {
			luaL_addlstring(b, (const char *)s, (size_t)(e - s));
		} else if (isdigit((unsigned char)text[i])) {
			capture_push(m, (unsigned)(text[i] - '1'), s, e);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(b);
		} else {
			luaL_error(m->L, "invalid use of '%%' in replacement string");
		}
	}
}

static void match_replace(struct matching *m, luaL_Buffer *b, const uint8_t *s, const uint8_t *e)
{
	lua_State *L = m->L;
	enum { LOOKUP = 64 };           /* units of work */
	int type = lua_type(L, 3);

	if (type == LUA_TFUNCTION) {
		vm_work(vm_of(L), LOOKUP);
		lua_pushvalue(L, 3);
		lua_call(L, captures_push(m, s, e), 1);
	} else if (type == LUA_TTABLE) {
		capture_push(m, 0, s, e);
		vm_work(vm_of(L), LOOKUP);
		lua_gettable(L, 3);
	} else {
		replacement_add(m, b, s, e);
		return;
	}
	if (!lua_toboolean(L, -1)) {            /* it stays */
		lua_pop(L, 1);
		lua_pushlstring(L, (const char *)s, (size_t)(e - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(b);
}

int pattern_gsub_call(lua_State *L)
{
	struct matching m;
	struct vn_span text = bytes_check(L, 1), pattern = pattern_check(L, 2);
	int type = lua_type(L, 3);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)text.n + 1), n = 0;
	bool anchored = pattern.n && *pattern.p == '^';
	const uint8_t *s = text.p, *last = NULL, *e;
	luaL_Buffer b;

	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
	                 type == LUA_TTABLE, 3, "string/function/table");
	matching_init(&m, L, text, pattern);
	luaL_buffinit(L, &b);
	while (n < most) {
		if ((e = match_at(&m, s, pattern.p + anchored)) && e != last) {
			n++;
			match_replace(&m, &b, s, e);
			s = last = e;
		} else if (s < m.end) {
			luaL_addchar(&b, (char)*s++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&b, (const char *)s, (size_t)(m.end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}

USERDATA_FIELDS(bytes,
	{ "find", .method = pattern_find_call }, { "match", .method = pattern_match_call },
	{ "gmatch", .method = pattern_gmatch_call }, { "gsub", .method = pattern_gsub_call })
