/* lua_bytes.c - parts of bytes, and how they become strings. */
#include "plugins/lua_bytes.h"

#include <lua5.4/lauxlib.h>
#include <string.h>

void bytes_push(lua_State *L, struct vn_span s)
{
	if (!s.p)
		lua_pushnil(L);
	else
		userdata_push(L, &bytes_kind, s.p)->n = s.n;
}

struct vn_span bytes_check(lua_State *L, int argument)
{
	size_t n;

	if (lua_type(L, argument) == LUA_TSTRING) {
		const char *text = lua_tolstring(L, argument, &n);
		return (struct vn_span){ (const uint8_t *)text, n };
	}
	const struct userdata *u = userdata_check(L, argument, &bytes_kind);
	return (struct vn_span){ u->thing, u->n };
}

/* A position as Lua counts: from 1, or from the end if negative. One that lies outside is moved to
 * `least` or `n`. */
static size_t position(lua_State *L, int argument, size_t n, lua_Integer otherwise, size_t least)
{
	lua_Integer i = luaL_optinteger(L, argument, otherwise);

	if (i < 0)
		i = i < -(lua_Integer)n ? 0 : (lua_Integer)n + i + 1;
	return i < (lua_Integer)least ? least : i > (lua_Integer)n ? n + least : (size_t)i;
}

/* Arguments 2 and 3 as a part: from .. to, both included. */
static struct vn_span part(lua_State *L, lua_Integer to_otherwise)
{
	struct vn_span s = bytes_check(L, 1);
	size_t from = position(L, 2, s.n, 1, 1), to = position(L, 3, s.n, to_otherwise, 0);

	if (from > to)
		return (struct vn_span){ s.p, 0 };
	return (struct vn_span){ s.p + from - 1, to - from + 1 };
}

static int bytes_byte(lua_State *L)
{
	struct vn_span s = part(L, luaL_optinteger(L, 2, 1));

	if (s.n > 1000)
		return luaL_error(L, "at most 1000 at a time");
	luaL_checkstack(L, (int)s.n, "bytes");
	for (size_t i = 0; i < s.n; i++)
		lua_pushinteger(L, s.p[i]);
	return (int)s.n;
}

static int bytes_sub(lua_State *L)
{
	struct vn_span s = part(L, -1);

	lua_pushlstring(L, (const char *)s.p, s.n);
	return 1;
}

static int bytes_view(lua_State *L)
{
	bytes_push(L, part(L, -1));
	return 1;
}

static int bytes_starts(lua_State *L)
{
	struct vn_span s = bytes_check(L, 1), what = bytes_check(L, 2);

	lua_pushboolean(L, s.n >= what.n && !memcmp(s.p, what.p, what.n));
	return 1;
}

static int bytes_length(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)bytes_check(L, 1).n);
	return 1;
}

static int bytes_text(lua_State *L)
{
	struct vn_span s = bytes_check(L, 1);

	lua_pushlstring(L, (const char *)s.p, s.n);
	return 1;
}

struct userdata_kind bytes_kind = { "bytes", .length = bytes_length, .text = bytes_text };
USERDATA(bytes,
	{ "byte", .method = bytes_byte }, { "sub", .method = bytes_sub },
	{ "view", .method = bytes_view }, { "starts", .method = bytes_starts })
