/* lua_userdata.c - kinds of userdata: their metatables, and the way to a field by its name. */
#include "plugins/lua_userdata.h"

#include <assert.h>
#include <lua5.4/lauxlib.h>

#include "plugins/lua_vm.h"

static struct userdata_kind *kinds;
static struct userdata_fields *all_fields;

void userdata_announce_kind(struct userdata_kind *kind)
{
	kind->index = kinds ? kinds->index + 1 : 0;
	kind->next = kinds;
	kinds = kind;
}

void userdata_announce_fields(struct userdata_fields *fields)
{
	fields->next = all_fields;
	all_fields = fields;
}

/* ---- pushed, and checked ---- */

struct userdata *userdata_push(lua_State *L, const struct userdata_kind *kind, const void *thing)
{
	struct userdata *u = lua_newuserdatauv(L, sizeof *u, 0);
	struct vm *vm = vm_of(L);

	*u = (struct userdata){ vm->call, (void *)thing, 0 };
	lua_rawgeti(L, LUA_REGISTRYINDEX, vm->metatables[kind->index]);
	lua_setmetatable(L, -2);
	return u;
}

static void *stale(lua_State *L, const struct userdata_kind *kind)
{
	luaL_error(L, "this %s was for a call that is over", kind->name);
	return NULL;
}

static bool is_fresh(lua_State *L, const struct userdata *u)
{
	return u->call == vm_of(L)->call;
}

static bool userdata_is(lua_State *L, int argument, const struct userdata_kind *kind)
{
	if (!lua_touserdata(L, argument) || !lua_getmetatable(L, argument))
		return false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->metatables[kind->index]);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

struct userdata *userdata_check(lua_State *L, int argument, const struct userdata_kind *kind)
{
	if (!userdata_is(L, argument, kind))
		luaL_typeerror(L, argument, kind->name);
	struct userdata *u = lua_touserdata(L, argument);
	return is_fresh(L, u) ? u : stale(L, kind);
}

/* ---- fields: metamethods, with a table of fields by name and the kind as upvalues ---- */

static const struct field *field_find(lua_State *L)
{
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	return lua_touserdata(L, -1);
}

static const struct userdata_kind *self_kind(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(2));
}

/* Scripts cannot reach the metatable: argument 1 is always of the kind. */
static void *self_thing(lua_State *L)
{
	const struct userdata *u = lua_touserdata(L, 1);

	return is_fresh(L, u) ? u->thing : stale(L, self_kind(L));
}

static int userdata_index(lua_State *L)
{
	const struct field *f = field_find(L);

	if (!f || (!f->method && !f->get))
		return luaL_error(L, f ? "%s.%s can only be set" : "%s has no '%s'",
		                  self_kind(L)->name, luaL_tolstring(L, 2, NULL));
	if (f->method)
		lua_pushcfunction(L, f->method);
	else
		f->get(L, self_thing(L));
	return 1;
}

static int userdata_newindex(lua_State *L)
{
	const struct field *f = field_find(L);

	if (!f || !f->set)
		return luaL_error(L, f ? "%s.%s cannot be set" : "%s has no '%s'",
		                  self_kind(L)->name, luaL_tolstring(L, 2, NULL));
	f->set(L, self_thing(L));
	return 0;
}

/* ---- metatables ---- */

static void fields_push(lua_State *L, const struct userdata_kind *kind)
{
	lua_newtable(L);
	for (const struct userdata_fields *s = all_fields; s; s = s->next) {
		for (const struct field *f = s->fields; s->kind == kind && f->name; f++) {
			lua_pushlightuserdata(L, (void *)f);
			lua_setfield(L, -2, f->name);
		}
	}
}

static void function_set(lua_State *L, const char *name, lua_CFunction function)
{
	if (!function)
		return;
	lua_pushcfunction(L, function);
	lua_setfield(L, -2, name);
}

static void accessor_set(lua_State *L, const char *name, struct userdata_kind *kind,
                         lua_CFunction function)
{
	fields_push(L, kind);
	lua_pushlightuserdata(L, kind);
	lua_pushcclosure(L, function, 2);
	lua_setfield(L, -2, name);
}

void userdata_open(lua_State *L)
{
	assert(!kinds || kinds->index < USERDATA_KINDS);
	for (struct userdata_kind *kind = kinds; kind; kind = kind->next) {
		lua_newtable(L);
		accessor_set(L, "__index", kind, userdata_index);
		accessor_set(L, "__newindex", kind, userdata_newindex);
		function_set(L, "__len", kind->length);
		function_set(L, "__tostring", kind->text);
		lua_pushboolean(L, false);
		lua_setfield(L, -2, "__metatable");
		lua_pushstring(L, kind->name);
		lua_setfield(L, -2, "__name");
		vm_of(L)->metatables[kind->index] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}
