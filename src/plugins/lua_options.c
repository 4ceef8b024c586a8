/* lua_options.c - option values by name, for reading only. */
#include "plugins/lua_options.h"

#include <lua5.4/lauxlib.h>
#include <string.h>

#include "plugins/lua_number.h"
#include "spec/option.h"

static void table_push(lua_State *L, const struct vn_table *t)
{
	lua_createtable(L, (int)t->n, 0);
	for (size_t i = 0; i < t->n; i++) {
		lua_createtable(L, 0, 2);
		lua_pushnumber(L, t->rows[i].percent);
		lua_setfield(L, -2, "percent");
		seconds_push(L, t->rows[i].time);
		lua_setfield(L, -2, "time");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void value_push(lua_State *L, const struct vn_opt *o, const void *value)
{
	switch (o->type) {
	case VN_OPT_BOOL:    lua_pushboolean(L, *(const bool *)value); break;
	case VN_OPT_INT:     lua_pushinteger(L, *(const int64_t *)value); break;
	case VN_OPT_REAL:    lua_pushnumber(L, *(const double *)value); break;
	case VN_OPT_TIME:    seconds_push(L, *(const vn_nsec *)value); break;
	case VN_OPT_TEXT:
	case VN_OPT_CHOICE:
	case VN_OPT_FAILURE: lua_pushstring(L, *(const char *const *)value); break; /* NULL: nil */
	case VN_OPT_TABLE:   table_push(L, value); break;
	case VN_OPT_INERT:   lua_pushnil(L); break;
	}
}

/* An option without a value is nil; a name that there is none of is a misspelling. */
static int option_missing(lua_State *L)
{
	const char *name = luaL_tolstring(L, 2, NULL);
	const struct vn_opt *o = opt_find(lua_touserdata(L, lua_upvalueindex(1)), name);

	return o && o->rule == VN_OPT_OWN && !strcmp(o->name, name)
	       ? 0 : luaL_error(L, "there is no option '%s'", name);
}

static int option_set(lua_State *L)
{
	return luaL_error(L, "options cannot be set");
}

/* Push a metatable with `__index` = the value or function on top of the stack, which goes. */
static void metatable_push(lua_State *L)
{
	lua_newtable(L);
	lua_insert(L, -2);
	lua_setfield(L, -2, "__index");
}

/* The scripts' table is empty, so each read and each write reaches a metamethod: `__index` is the
 * table of values, and behind it is option_missing. */
void options_push(lua_State *L, const struct vn_opt *options, const void *values)
{
	lua_newtable(L);
	lua_newtable(L);
	for (const struct vn_opt *o = options; o && o->name; o++) {
		if (o->rule != VN_OPT_OWN)
			continue;
		value_push(L, o, (const char *)values + o->offset);
		lua_setfield(L, -2, o->name);
	}
	lua_pushlightuserdata(L, (void *)options);
	lua_pushcclosure(L, option_missing, 1);
	metatable_push(L);
	lua_setmetatable(L, -2);
	metatable_push(L);
	lua_pushcfunction(L, option_set);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}
