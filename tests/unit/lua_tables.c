/* lua_tables.c - our functions of the table library beside Lua's own: both do the same. */
#include "plugins/lua_tables.h"

#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>

#include "plugins/lua_vm.h"
#include "unit.h"

static int fresh(lua_State *L)
{
	vm_of(L)->began = 0;
	return 0;
}

/* Each function on random tables and arguments, wrong ones too. Results, errors and the table
 * afterwards are compared, but for names and numbers of arguments: Lua 5.4.4 mistakes one. */
static const char program[] =
	"local values = { 1, 2, 2.5, 'a', 'b', '', 7, -1 }\n"
	"local numbers = { 0, 1, 2, 3, 4, 5, 6, -1, 2.5, '2', 'x', math.maxinteger, "
	"math.mininteger }\n"
	"local function pick(t) return t[math.random(#t)] end\n"
	"local function made(n, from)\n"
	"  local t = {} for i = 1, n do t[i] = pick(from) end\n"
	"  if math.random(4) == 1 then t[math.random(8)] = nil end\n"
	"  if math.random(9) == 1 then t[math.random(4)] = {} end\n"
	"  return t\n"
	"end\n"
	"local function shown(t, n)\n"
	"  local all = {}\n"
	"  for i = 1, n do\n"
	"    local x = t[i]\n"
	"    all[i] = type(x) == 'table' and 'table' or math.type(x) or type(x)\n"
	"    if type(x) ~= 'table' then all[i] = all[i] .. tostring(x) end\n"
	"  end\n"
	"  return table.concat(all, ' ')\n"
	"end\n"
	"local function run(f, t, ...)\n"
	"  local copy = {} for k, v in pairs(t) do copy[k] = v end\n"
	"  local got = table.pack(pcall(f, copy, ...))\n"
	"  for i = 1, got.n do if got[i] == copy then got[i] = 'itself' end end\n"
	"  if not got[1] then got[2] = got[2]:gsub(\"'[%a.?]+'\", 'f'):gsub('#%d', '#') end\n"
	"  return shown(got, got.n) .. ' | ' .. (got[1] and shown(copy, 12) or '')\n"
	"end\n"
	"local function less(a, b) return tostring(a) < tostring(b) end\n"
	"local function arguments(name)\n"
	"  local n, a = math.random(0, 3), {}\n"
	"  for i = 1, n do a[i] = pick(numbers) end\n"
	"  if name == 'sort' then return pick { nil, less, rawequal and less } end\n"
	"  if name == 'concat' and n > 0 then a[1] = pick { ', ', '', 1 } end\n"
	"  if name == 'concat' or name == 'unpack' then\n"
	"    for i = 1, n do if math.type(a[i]) == 'integer' then a[i] = math.max(-9, math.min(9, "
	"a[i])) end end\n"
	"  end\n"
	"  return table.unpack(a, 1, n)\n"
	"end\n"
	"math.randomseed(SEED)\n"
	"local good = 0\n"
	"for i = 1, 20000 do\n"
	"  fresh()\n"
	"  local name = pick { 'concat', 'insert', 'remove', 'unpack', 'sort' }\n"
	"  local t = made(math.random(0, 8), name == 'sort' and pick { numbers, { 1, 3, 2, 2.5 } "
	"} or values)\n"
	"  local a = table.pack(arguments(name))\n"
	"  local theirs = run(table[name], t, table.unpack(a, 1, a.n))\n"
	"  local mine = run(ours[name], t, table.unpack(a, 1, a.n))\n"
	"  if theirs ~= mine then\n"
	"    error(('%s of %s with %s: Lua does %s, we do %s'):format(name, shown(t, 8), shown(a, "
	"a.n), theirs, mine), 0)\n"
	"  end\n"
	"  if theirs:find('^booleantrue') then good = good + 1 end\n"
	"end\n"
	"assert(good > 5000 and ours.move == nil)\n"
	"local big = {} for i = 1, 1000 do big[i] = (i * 7919) % 1009 end\n"
	"ours.sort(big) for i = 2, 1000 do assert(big[i - 1] <= big[i]) end\n"
	"ours.sort(big, math.ult) for i = 2, 1000 do assert(big[i - 1] <= big[i]) end\n"
	"ours.sort(big, function(a, b) return a > b end) for i = 2, 1000 do assert(big[i - 1] >= "
	"big[i]) end\n";

static void as_lua_does(void **state)
{
	static struct vm vm;
	lua_State *L = vm.L = luaL_newstate();

	assert_non_null(L);
	*(struct vm **)lua_getextraspace(L) = &vm;
	luaL_openlibs(L);
	lua_pushcfunction(L, fresh);
	lua_setglobal(L, "fresh");
	luaL_requiref(L, "ours", luaopen_table, 1);
	tables_limit(L);
	for (int seed = 1; seed <= 3; seed++) {
		lua_pushinteger(L, seed);
		lua_setglobal(L, "SEED");
		if (luaL_dostring(L, program) != LUA_OK)
			fail_msg("%s", lua_tostring(L, -1));
	}
	lua_close(L);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(as_lua_does) };

SUITE(lua_tables, tests)
