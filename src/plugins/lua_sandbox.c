/* lua_sandbox.c - libraries and environments. */
#include "plugins/lua_sandbox.h"

#include <lua5.4/lualib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "plugins/lua_strings.h"
#include "plugins/lua_tables.h"
#include "plugins/lua_vm.h"

static const char *const base[] = {
	"assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget",
	"rawlen", "rawset", "select", "tonumber", "tostring", "type", NULL
};

static void strings_limit(lua_State *), math_limit(lua_State *), functions_limit(lua_State *);

/* `limit` changes the library on top of the stack. */
static const struct library {
	const char *name;
	lua_CFunction open;
	void (*limit)(lua_State *);
} libraries[] = {
	{ LUA_STRLIBNAME, luaopen_string, strings_limit },
	{ LUA_TABLIBNAME, luaopen_table, tables_limit },
	{ LUA_MATHLIBNAME, luaopen_math, math_limit },
	{ LUA_UTF8LIBNAME, luaopen_utf8, functions_limit },
};

enum { LIBRARIES = sizeof libraries / sizeof libraries[0] };

#define CONSTANT(name) { #name, VN_##name }
static const struct { const char *name; lua_Integer value; } constants[] = {
	CONSTANT(ON_OPEN), CONSTANT(ON_REQUEST), CONSTANT(ON_RESPONSE), CONSTANT(ON_DATA),
	CONSTANT(ON_REST), CONSTANT(ON_END), CONSTANT(ON_LEAVE), CONSTANT(ON_LISTEN),
	CONSTANT(ON_HELLO),
	CONSTANT(REQUEST), CONSTANT(RESPONSE), CONSTANT(BOTH),
	CONSTANT(TRAIT_WHOLE), CONSTANT(TRAIT_LINE), CONSTANT(TRAIT_REFUSES),
	CONSTANT(TRAIT_SPARES), CONSTANT(TRAIT_NEW), CONSTANT(TRAIT_UPGRADE),
	CONSTANT(TRAIT_DATAGRAMS), CONSTANT(TRAIT_ONLY_DATAGRAMS),
	CONSTANT(TRAIT_CLOSES_PORT),
	CONSTANT(GROUP_NONE), CONSTANT(GROUP_TIME), CONSTANT(GROUP_ERRORS),
	CONSTANT(GROUP_CONNECTION), CONSTANT(GROUP_BYTES), CONSTANT(GROUP_RATE),
	CONSTANT(GROUP_TLS),
	CONSTANT(ASKS), CONSTANT(AIDS), CONSTANT(SILENT), CONSTANT(TELLS), CONSTANT(GOES_ON),
	CONSTANT(ANSWERS), CONSTANT(PUSH), CONSTANT(INTERIM),
	CONSTANT(IS_OPENING), CONSTANT(IS_LOGIN), CONSTANT(IS_COMMAND), CONSTANT(IS_STATEMENT),
	CONSTANT(IS_READ), CONSTANT(IS_WRITE), CONSTANT(IS_BEGIN), CONSTANT(IS_COMMIT),
	CONSTANT(IS_ROLLBACK), CONSTANT(IS_UNKNOWN), CONSTANT(IS_SETUP), CONSTANT(IS_PRELUDE),
	CONSTANT(IS_OWN),
	CONSTANT(PASS), CONSTANT(DROP), CONSTANT(REPLY),
	CONSTANT(STAY), CONSTANT(STALL), CONSTANT(CLOSE), CONSTANT(RESET), CONSTANT(VANISH),
	CONSTANT(CUT_MORE), CONSTANT(CUT_PART), CONSTANT(CUT_END), CONSTANT(CUT_WAIT),
	CONSTANT(CUT_RAW),
	{ "BY_BACKEND", VN_BY_BACKEND },
	{ "NOTE_SUBSTITUTE", (lua_Integer)VN_NOTE_SUBSTITUTE },
	CONSTANT(OPT_BOOL), CONSTANT(OPT_INT), CONSTANT(OPT_REAL), CONSTANT(OPT_TIME),
	CONSTANT(OPT_TEXT), CONSTANT(OPT_CHOICE), CONSTANT(OPT_FAILURE), CONSTANT(OPT_TABLE),
	CONSTANT(OPT_OWN), CONSTANT(OPT_SKIP), CONSTANT(OPT_TIMES),
};
static const char *const infinities[] = { "NEVER", "ALL", "MIDDLE" };

/* ---- functions that are ours ---- */

/* pcall catches all but that the call passed a limit. A lack of memory has cost a collection. */
static int protected_call(lua_State *L)
{
	luaL_checkany(L, 1);
	int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	if (status != LUA_OK && vm_of(L)->limit)
		return lua_error(L);
	if (status != LUA_OK)
		vm_look(vm_of(L));
	lua_pushboolean(L, status == LUA_OK);
	lua_insert(L, 1);
	return lua_gettop(L);
}

static void field_reject(lua_State *L, const char *name, const char *why)
{
	lua_pushstring(L, name);
	if (lua_rawget(L, 2) != LUA_TNIL)
		luaL_error(L, "%s", why);
	lua_pop(L, 1);
}

/* A finalizer would run where no steps are counted; for weak tables see lua_vm.c. */
static int metatable_set(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		field_reject(L, "__gc", "there are no finalizers here");
		field_reject(L, "__mode", "there are no weak tables here");
	}
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

/* The event's dice, so that a seed repeats the numbers. */
static int dice_random(lua_State *L)
{
	struct vn_dice *d = vm_of(L)->dice;
	lua_Integer low = 1, high;

	if (!d)
		return luaL_error(L, "there are no dice here");
	if (lua_gettop(L) == 0) {
		lua_pushnumber(L, vn_dice_unit(d));
		return 1;
	}
	high = luaL_checkinteger(L, lua_gettop(L));
	if (lua_gettop(L) > 1)
		low = luaL_checkinteger(L, 1);
	luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
	uint64_t room = (uint64_t)high - (uint64_t)low + 1;
	uint64_t drawn = room ? vn_dice_below(d, room) : vn_dice_draw(d);
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + drawn));
	return 1;
}

static int log_print(lua_State *L)
{
	int n = lua_gettop(L);
	char shown[400];

	luaL_checkstack(L, 2 * n, "print");
	for (int i = 1; i <= n; i++) {
		luaL_tolstring(L, i, NULL);
		lua_pushstring(L, i < n ? " " : "");
	}
	lua_concat(L, 2 * n);
	text_printable(lua_tostring(L, -1), shown, sizeof shown);
	log_info("plugin=%s: %s", vm_of(L)->name, shown);
	return 0;
}

/* string.rep. Lua's own would repeat nothing 2^63 times, without an instruction. */
static int text_repeat(lua_State *L)
{
	size_t n, between;
	const char *text = luaL_checklstring(L, 1, &n);
	const char *separator = luaL_optlstring(L, 3, "", &between);
	lua_Integer times = luaL_checkinteger(L, 2);
	luaL_Buffer b;

	if (n + between == 0 || times < 1) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((uint64_t)times > MEMORY_MAX / (n + between))
		return luaL_error(L, "resulting string too large");
	size_t all = (size_t)times * (n + between) - between, done = times > 1 ? n + between : n;
	char *to = luaL_buffinitsize(L, &b, all);
	memcpy(to, text, n);
	memcpy(to + n, separator, done - n);
	for (size_t more; done < all; done += more) {   /* doubles what is there */
		more = done < all - done ? done : all - done;
		memcpy(to + done, to, more);
	}
	luaL_pushresultsize(&b, all);
	return 1;
}

/* A name that there is none of is an error, not nil. */
static int unknown(lua_State *L)
{
	return luaL_error(L, "there is no '%s' here", luaL_tolstring(L, 2, NULL));
}

/* ---- libraries, limited ---- */

/* A function may read each argument as a whole, so one long string must not be many arguments. */
static void arguments_check(lua_State *L, int n)
{
	size_t all = 0;

	for (int i = 1; i <= n; i++)
		all += lua_type(L, i) == LUA_TSTRING ? lua_rawlen(L, i) : 0;
	if (all > MEMORY_MAX)
		luaL_error(L, "arguments of more than %d bytes", MEMORY_MAX);
}

/* Upvalue: the function, whose work is at most as much as its arguments and results are long. */
static int limited(lua_State *L)
{
	enum { CALL = 256, ARGUMENT = 64 };     /* units of work */
	struct vm *vm = vm_of(L);
	int n = lua_gettop(L);

	if (vm->memory.long_strings) {
		arguments_check(L, n);
		vm_look(vm);
	} else {
		vm_work(vm, CALL + ARGUMENT * (unsigned)n);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void function_limit(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, limited, 1);
	lua_setfield(L, -2, name);
}

/* All functions of the library. */
static void functions_limit(lua_State *L)
{
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		if (lua_iscfunction(L, -1)) {
			lua_pushcclosure(L, limited, 1);
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -4);      /* a key that is there: the walk may go on */
		} else {
			lua_pop(L, 1);
		}
	}
}

static void function_drop(lua_State *L, const char *name)
{
	lua_pushnil(L);
	lua_setfield(L, -2, name);
}

static void strings_limit(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{ "rep", text_repeat }, { "find", pattern_find_call },
		{ "match", pattern_match_call }, { "gmatch", pattern_gmatch_call },
		{ "gsub", pattern_gsub_call }, { NULL, NULL },
	};

	luaL_setfuncs(L, ours, 0);
	functions_limit(L);
	function_drop(L, "dump");               /* makes bytecode */
}

static void math_limit(lua_State *L)
{
	function_limit(L, "max");
	function_limit(L, "min");
	function_drop(L, "randomseed");
	lua_pushcfunction(L, dice_random);
	lua_setfield(L, -2, "random");
}

/* ---- environments ---- */

/* Copy what is in the table on top of the stack into the one below it; the upper one goes. */
static void table_pour(lua_State *L)
{
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -5);
	}
	lua_pop(L, 1);
}

static void model_base(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{ "pcall", protected_call }, { "setmetatable", metatable_set },
		{ "print", log_print }, { NULL, NULL },
	};

	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	for (size_t i = 0; base[i]; i++) {
		lua_getfield(L, -1, base[i]);
		lua_setfield(L, -3, base[i]);
	}
	lua_pop(L, 1);
	function_limit(L, "tonumber");
	luaL_setfuncs(L, ours, 0);
	for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
		lua_pushinteger(L, constants[i].value);
		lua_setfield(L, -2, constants[i].name);
	}
	for (size_t i = 0; i < sizeof infinities / sizeof infinities[0]; i++) {
		lua_pushnumber(L, HUGE_VAL);
		lua_setfield(L, -2, infinities[i]);
	}
}

/* All scripts share the methods of strings, so none may change them. */
static void string_methods_protect(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_newtable(L);
	lua_getfield(L, -2, "__index");
	table_pour(L);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

/* Its address is the key of the environment that each script gets a copy of. */
static const char model;

void sandbox_open(lua_State *L)
{
	lua_newtable(L);
	model_base(L);
	for (size_t i = 0; i < LIBRARIES; i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].open, 0);
		libraries[i].limit(L);
		lua_setfield(L, -2, libraries[i].name);
	}
	lua_rawsetp(L, LUA_REGISTRYINDEX, &model);
	string_methods_protect(L);
}

/* Push a new one, with libraries of its own that the script may change. */
static void environment_push(lua_State *L)
{
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &model);
	table_pour(L);
	for (size_t i = 0; i < LIBRARIES; i++) {
		lua_newtable(L);
		lua_getfield(L, -2, libraries[i].name);
		table_pour(L);
		lua_setfield(L, -2, libraries[i].name);
	}
	lua_newtable(L);
	lua_pushcfunction(L, unknown);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

void sandbox_run(lua_State *L, const char *name, const char *text)
{
	char chunk[80];

	snprintf(chunk, sizeof chunk, "@%s", name);
	if (luaL_loadbufferx(L, text, strlen(text), chunk, "t") != LUA_OK)
		lua_error(L);
	environment_push(L);
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 1);
	if (!lua_istable(L, -1))
		luaL_error(L, "expected the file to return a table, got %s", luaL_typename(L, -1));
}
