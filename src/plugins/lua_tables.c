/* lua_tables.c - concat, insert, remove, sort and unpack, with work that is counted. */
#include "plugins/lua_tables.h"

#include <lua5.4/lauxlib.h>
#include <limits.h>

#include "plugins/lua_vm.h"

enum { ELEMENT = 64 };                  /* units of work for one element */

/* A `__len` could name any length, so it is rejected. */
static void own_length_check(lua_State *L)
{
	if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL)
		luaL_error(L, "expected a table whose length is its own");
}

static lua_Integer length_check(lua_State *L)
{
	own_length_check(L);
	luaL_checktype(L, 1, LUA_TTABLE);
	return (lua_Integer)lua_rawlen(L, 1);
}

/* Push the element. */
static void element_get(lua_State *L, lua_Integer i)
{
	vm_work(vm_of(L), ELEMENT);
	lua_geti(L, 1, i);
}

static void element_move(lua_State *L, lua_Integer from, lua_Integer to)
{
	element_get(L, from);
	lua_seti(L, 1, to);
}

/* ---- insert, remove ---- */

static int insert_call(lua_State *L)
{
	lua_Integer end = (lua_Integer)((lua_Unsigned)length_check(L) + 1), at = end;
	int n = lua_gettop(L);

	if (n != 2 && n != 3)
		return luaL_error(L, "wrong number of arguments to 'insert'");
	if (n == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, at >= 1 && at <= end, 2, "position out of bounds");
		for (lua_Integer i = end; i > at; i--)
			element_move(L, i - 1, i);
	}
	lua_seti(L, 1, at);
	return 0;
}

static int remove_call(lua_State *L)
{
	lua_Integer n = length_check(L), at = luaL_optinteger(L, 2, n);

	luaL_argcheck(L, at == n || (at >= 1 && at <= n + 1), 2, "position out of bounds");
	lua_geti(L, 1, at);
	for (; at < n; at++)
		element_move(L, at + 1, at);
	lua_pushnil(L);
	lua_seti(L, 1, at);
	return 1;
}

/* ---- concat, unpack ---- */

static void element_add(lua_State *L, luaL_Buffer *b, lua_Integer i)
{
	element_get(L, i);
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid value (%s) at index %I in table for 'concat'",
		           luaL_typename(L, -1), (LUAI_UACINT)i);
	luaL_addvalue(b);
}

static int concat_call(lua_State *L)
{
	lua_Integer n = length_check(L);
	size_t length;
	const char *separator = luaL_optlstring(L, 2, "", &length);
	lua_Integer i = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, n);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (; i < last; i++) {
		element_add(L, &b, i);
		luaL_addlstring(&b, separator, length);
	}
	if (i == last)
		element_add(L, &b, i);
	luaL_pushresult(&b);
	return 1;
}

static int unpack_call(lua_State *L)
{
	own_length_check(L);
	lua_Integer i = luaL_optinteger(L, 2, 1);
	lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
	lua_Unsigned n = (lua_Unsigned)last - (lua_Unsigned)i;

	if (i > last)
		return 0;
	if (n >= INT_MAX || !lua_checkstack(L, (int)n + 1))
		return luaL_error(L, "too many results to unpack");
	for (lua_Unsigned k = 0; k <= n; k++)
		element_get(L, (lua_Integer)((lua_Unsigned)i + k));
	return (int)n + 1;
}

/* ---- sort: Lua's own, with a comparison that is counted ---- */

static int less_call(lua_State *L)
{
	vm_look(vm_of(L));
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

/* Upvalue: a function in C, as those in Lua take steps. */
static int counted_call(lua_State *L)
{
	vm_look(vm_of(L));
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

/* Whether a sort is soon done: a short list of plain elements, none of them a long string. */
static bool is_short(lua_State *L, lua_Integer n)
{
	enum { SHORT = 100 };

	return n <= SHORT && !vm_of(L)->memory.long_strings && !lua_getmetatable(L, 1);
}

/* Upvalue: Lua's own */
static int sort_call(lua_State *L)
{
	lua_Integer n = length_check(L);

	vm_work(vm_of(L), (unsigned)n < WORK_MAX / ELEMENT ? (unsigned)n * ELEMENT : WORK_MAX);
	lua_settop(L, 2);
	if (lua_isnil(L, 2) && !is_short(L, n)) {
		lua_pushcfunction(L, less_call);
		lua_replace(L, 2);
	} else if (lua_iscfunction(L, 2)) {
		lua_pushcclosure(L, counted_call, 1);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void tables_limit(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{ "concat", concat_call }, { "insert", insert_call }, { "remove", remove_call },
		{ "unpack", unpack_call }, { NULL, NULL },
	};

	luaL_setfuncs(L, ours, 0);
	lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, sort_call, 1);
	lua_setfield(L, -2, "sort");
	lua_pushnil(L);
	lua_setfield(L, -2, "move");
}
