/* lua_sandbox.c - libraries and environments. */
#include "plugins/lua_sandbox.h"

#include <lua5.4/lualib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "plugins/lua_strings.h"
#include "plugins/lua_vm.h"

static const char *const base[] = {
	"assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawlen", "rawset", "select", "tonumber",
	"tostring", "type", NULL
};

static int timed(lua_State *L), timed_on_table(lua_State *L);

static const struct library { const char *name; lua_CFunction open, wrap; const char *without[4]; } libraries[] = {
	{ LUA_STRLIBNAME, luaopen_string, timed, { "dump" } },          /* bytecode */
	{ LUA_TABLIBNAME, luaopen_table, timed_on_table, { "move" } },  /* can be told to move 2^63 things, without a step */
	{ LUA_MATHLIBNAME, luaopen_math, NULL, { "randomseed" } },
	{ LUA_UTF8LIBNAME, luaopen_utf8, timed, { NULL } },
};

enum { LIBRARIES = sizeof libraries / sizeof libraries[0] };

#define WORD(name) { #name, VN_##name }
static const struct { const char *name; lua_Integer value; } words[] = {
	WORD(ON_OPEN), WORD(ON_REQUEST), WORD(ON_RESPONSE), WORD(ON_DATA), WORD(ON_REST), WORD(ON_END), WORD(ON_LEAVE), WORD(ON_LISTEN),
	WORD(REQUEST), WORD(RESPONSE), WORD(BOTH), WORD(TRAIT_WHOLE), WORD(TRAIT_LINE), WORD(TRAIT_REFUSES),
	WORD(ASKS), WORD(AIDS), WORD(SILENT), WORD(TELLS), WORD(GOES_ON), WORD(ANSWERS), WORD(PUSH), WORD(INTERIM),
	WORD(IS_OPENING), WORD(IS_LOGIN), WORD(IS_COMMAND), WORD(IS_STATEMENT), WORD(IS_READ), WORD(IS_WRITE), WORD(IS_BEGIN),
	WORD(IS_COMMIT), WORD(IS_ROLLBACK), WORD(IS_UNKNOWN), WORD(IS_OWN),
	WORD(PASS), WORD(DROP), WORD(REPLY),
	WORD(STAY), WORD(STALL), WORD(CLOSE), WORD(RESET), WORD(VANISH),
	WORD(CUT_MORE), WORD(CUT_PART), WORD(CUT_END), WORD(CUT_WAIT), WORD(CUT_RAW),
	{ "NOTE_SUBSTITUTE", (lua_Integer)VN_NOTE_SUBSTITUTE },
	WORD(OPT_BOOL), WORD(OPT_INT), WORD(OPT_REAL), WORD(OPT_TIME), WORD(OPT_TEXT), WORD(OPT_CHOICE), WORD(OPT_FAILURE),
	WORD(OPT_TABLE), WORD(OPT_OWN), WORD(OPT_SKIP), WORD(OPT_TIMES),
};

/* ---- functions that are ours ---- */

/* What was thrown is caught, unless it is that the call takes too long. */
static int protected_call(lua_State *L)
{
	luaL_checkany(L, 1);
	vm_look(vm_of(L));
	int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	if (status != LUA_OK && vm_of(L)->over)
		return lua_error(L);
	lua_pushboolean(L, status == LUA_OK);
	lua_insert(L, 1);
	return lua_gettop(L);
}

/* A finalizer would run where no steps are counted. */
static int metatable_set(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "there are no finalizers here");
		lua_pop(L, 1);
	}
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

/* The event's dice, so that a seed repeats what they say. */
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
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + (room ? vn_dice_below(d, room) : vn_dice_draw(d))));
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
	log_info("plugin=%s: %s", vm_of(L)->name, text_printable(lua_tostring(L, -1), shown, sizeof shown));
	return 0;
}

/* Lua's own would repeat nothing 2^63 times, without a step. */
static int text_repeat(lua_State *L)
{
	size_t n, between;
	const char *text = luaL_checklstring(L, 1, &n), *separator = luaL_optlstring(L, 3, "", &between);
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
	for (size_t more; done < all; done += more) {   /* what is there, once more */
		more = done < all - done ? done : all - done;
		memcpy(to + done, to, more);
	}
	luaL_pushresultsize(&b, all);
	return 1;
}

static const luaL_Reg ours[] = {
	{ "pcall", protected_call }, { "setmetatable", metatable_set }, { "print", log_print }, { NULL, NULL },
};

static const luaL_Reg texts[] = {
	{ "rep", text_repeat },
	{ "find", pattern_find_call }, { "match", pattern_match_call }, { "gmatch", pattern_gmatch_call }, { "gsub", pattern_gsub_call },
	{ NULL, NULL },
};

/* A name that is not there is a slip of the pen, not nil. */
static int unknown(lua_State *L)
{
	return luaL_error(L, "there is no '%s' here", luaL_tolstring(L, 2, NULL));
}

/* One call of a library can take as long as a million steps: the clock is looked at first. */
static int timed(lua_State *L)
{
	vm_look(vm_of(L));
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* A table that says itself how long it is may say 2^63. */
static int timed_on_table(lua_State *L)
{
	if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL)
		return luaL_error(L, "expected a table whose length is its own");
	return timed(L);
}

/* All functions of the table on top of the stack. */
static void functions_wrap(lua_State *L, lua_CFunction wrap)
{
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		if (lua_iscfunction(L, -1)) {
			lua_pushcclosure(L, wrap, 1);
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -4);      /* a key that is there: the walk may go on */
		} else {
			lua_pop(L, 1);
		}
	}
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
	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	for (size_t i = 0; base[i]; i++) {
		lua_getfield(L, -1, base[i]);
		lua_setfield(L, -3, base[i]);
	}
	lua_getfield(L, -1, "tonumber");        /* of a text of any length */
	lua_pushcclosure(L, timed, 1);
	lua_setfield(L, -3, "tonumber");
	lua_pop(L, 1);
	luaL_setfuncs(L, ours, 0);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		lua_pushinteger(L, words[i].value);
		lua_setfield(L, -2, words[i].name);
	}
	for (size_t i = 0; i < 3; i++) {
		lua_pushnumber(L, HUGE_VAL);
		lua_setfield(L, -2, ((const char *const[]){ "NEVER", "ALL", "MIDDLE" })[i]);
	}
}

/* The one from which each script's is copied is kept under this key: its address. */
static const char model;

void sandbox_open(lua_State *L)
{
	lua_newtable(L);
	model_base(L);
	for (size_t i = 0; i < LIBRARIES; i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].open, 0);
		if (libraries[i].open == luaopen_string)
			luaL_setfuncs(L, texts, 0);
		if (libraries[i].wrap)
			functions_wrap(L, libraries[i].wrap);
		for (size_t k = 0; libraries[i].without[k]; k++) {
			lua_pushnil(L);
			lua_setfield(L, -2, libraries[i].without[k]);
		}
		lua_setfield(L, -2, libraries[i].name);
	}
	lua_getfield(L, -1, LUA_MATHLIBNAME);
	lua_pushcfunction(L, dice_random);
	lua_setfield(L, -2, "random");
	lua_pop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &model);
	lua_pushliteral(L, "");                 /* texts' methods are for all scripts: none may change them */
	lua_getmetatable(L, -1);
	lua_newtable(L);
	lua_getfield(L, -2, "__index");
	table_pour(L);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

static void environment_push(lua_State *L)
{
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &model);
	table_pour(L);
	for (size_t i = 0; i < LIBRARIES; i++) {        /* its own, to spoil as it likes */
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
