/* lua_pattern.c - our patterns beside Lua's own: on anything both say the same. */
#include "plugins/lua_strings.h"
#include "plugins/lua_vm.h"

#include <lua5.4/lualib.h>
#include <string.h>

#include "unit.h"

static int fresh(lua_State *L)
{
	vm_of(L)->pattern_steps = 0;
	vm_of(L)->began = 0;
	return 0;
}

static const luaL_Reg ours[] = {
	{ "find", pattern_find_call },
	{ "match", pattern_match_call },
	{ "gmatch", pattern_gmatch_call },
	{ "gsub", pattern_gsub_call },
	{ "fresh", fresh },
	{ NULL, NULL },
};

/* Patterns made of pieces, on texts of few letters; what is thrown is compared, too. */
static const char program[] =
	"local pieces = { 'a', 'b', '.', '%a', '%d', '%W', '%s', '[ab]', '[^a]', '[a-c%d]', "
	"'[]]', '[^]b]', '[%]]', '[a-]', '%.', '%%', '%b()', '%baa', '%f[a]',\n"
	"  '%f[^%w]', '(', ')', '()', '%1', '%2', '*', '+', '-', '?', '^', '$', '[', ']', '%', "
	"'\\0', '-', 'a*', '.-', '(.-)', '(a*)b', '%0', '%b', '%f' }\n"
	"local letters = { 'a', 'b', 'c', ' ', '(', ')', ']', '.', '1', '\\0', '%', '-' }\n"
	"local function pick(from, most)\n"
	"  local made = {}\n"
	"  for i = 1, math.random(0, most) do made[i] = from[math.random(#from)] end\n"
	"  return table.concat(made)\n"
	"end\n"
	"local function all(s, p, init) local made = {} for x, y in string.gmatch(s, p, init) do "
	"made[#made + 1] = tostring(x) .. tostring(y) end return table.concat(made, ' ') end\n"
	"local function all_ours(s, p, init) local made = {} for x, y in ours.gmatch(s, p, init) "
	"do made[#made + 1] = tostring(x) .. tostring(y) end return table.concat(made, ' ') end\n"
	"local replacements = { 'x', '%0%0', '%1', '%2', '%%', '%', '%x', { a = 'A', [''] = "
	"false, b = 7 }, function(x, y) return y or x end, function() return nil end,\n"
	"  function() return {} end, 5 }\n"
	"local function same(what, theirs, mine, ...)\n"
	"  local a, b = table.pack(pcall(theirs, ...)), table.pack(pcall(mine, ...))\n"
	"  local function show(t) for i = 1, t.n do t[i] = tostring(t[i]):gsub('^.-: ', '') end "
	"return table.concat(t, '|', 1, t.n) end\n"
	"  local x, y = show(a), show(b)\n"
	"  if x ~= y then error(string.format('%s(%q, %q, %s): Lua says %q, we say %q', what, "
	"(...), (select(2, ...)), tostring((select(3, ...))), x, y), 0) end\n"
	"  return a[1]\n"
	"end\n"
	"math.randomseed(SEED)\n"
	"local good = 0\n"
	"for i = 1, 15000 do\n"
	"  ours.fresh()\n"
	"  local s, p, init = pick(letters, 10), pick(pieces, 6), math.random(-12, 12)\n"
	"  if same('find', string.find, ours.find, s, p, init) then good = good + 1 end\n"
	"  same('find plain', string.find, ours.find, s, pick(letters, 2), init, true)\n"
	"  same('match', string.match, ours.match, s, p, init)\n"
	"  same('gmatch', all, all_ours, s, p, init)\n"
	"  same('gsub', string.gsub, ours.gsub, s, p, replacements[math.random(#replacements)], "
	"math.random(2) == 1 and math.random(-1, 3) or nil)\n"
	"end\n"
	"assert(good > 4000)\n";

/* Errors name the function: Lua's as it is called, ours by its field. */
static void as_lua_does(void **state)
{
	static struct vm place;
	lua_State *L = place.L = luaL_newstate();

	assert_non_null(L);
	*(struct vm **)lua_getextraspace(L) = &place;
	luaL_openlibs(L);
	lua_newtable(L);
	luaL_setfuncs(L, ours, 0);
	lua_setglobal(L, "ours");
	for (int seed = 1; seed <= 3; seed++) {
		lua_pushinteger(L, seed);
		lua_setglobal(L, "SEED");
		if (luaL_dostring(L, program) != LUA_OK)
			fail_msg("%s", lua_tostring(L, -1));
	}
	lua_close(L);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(as_lua_does) };

SUITE(lua_pattern, tests)
