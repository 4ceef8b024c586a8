/* lua_number.c - times and sizes, checked and clamped. */
#include "plugins/lua_number.h"

#include <lua5.4/lauxlib.h>
#include <math.h>

static double number_check(lua_State *L, int argument, const char *what)
{
	int is;
	double d = lua_tonumberx(L, argument, &is);

	if (!is || isnan(d))
		luaL_error(L, "%s: expected a number, got %s", what,
		           is ? "nan" : luaL_typename(L, argument));
	return d;
}

vn_nsec seconds_check(lua_State *L, int argument, const char *what)
{
	double d = number_check(L, argument, what) * (double)VN_S;

	return d >= (double)VN_NEVER ? VN_NEVER : d <= 0 ? 0 : (vn_nsec)llround(d);
}

void seconds_push(lua_State *L, vn_nsec t)
{
	lua_pushnumber(L, t == VN_NEVER ? HUGE_VAL : (double)t / (double)VN_S);
}

size_t size_check(lua_State *L, int argument, const char *what)
{
	double d = number_check(L, argument, what);

	return d >= (double)INT64_MAX ? SIZE_MAX : d <= 0 ? 0 : (size_t)d;
}

void size_push(lua_State *L, size_t n)
{
	if (n > INT64_MAX)
		lua_pushnumber(L, (double)n);
	else
		lua_pushinteger(L, (lua_Integer)n);
}
