/* lua_userdata.c - things of ours in a script's hands: each good for one call, with fields by name. */
#include <math.h>
#include <string.h>

#include "base/loop.h"
#include "base/buffer.h"
#include "spec/failure.h"
#include "plugins/lua_vm.h"

static const struct { const char *name; const struct field *fields; } kinds[KINDS] = {
	[KIND_EVENT] = { "event", event_fields }, [KIND_VERDICT] = { "verdict", verdict_fields },
	[KIND_PACE] = { "pace", pace_fields }, [KIND_DIRT] = { "dirt", dirt_fields },
	[KIND_DICE] = { "dice", dice_fields },
	[KIND_MESSAGE] = { "message", message_fields }, [KIND_MAKING] = { "message", making_fields },
	[KIND_SEQUEL] = { "sequel", sequel_fields },
	[KIND_TALK] = { "talk", talk_fields }, [KIND_OUT] = { "out", out_fields }, [KIND_TEXTS] = { "texts", texts_fields },
	[KIND_BYTES] = { "bytes", bytes_fields },
};

/* ---- numbers ---- */

static double number_check(lua_State *L, int argument, const char *what)
{
	int is;
	double d = lua_tonumberx(L, argument, &is);

	if (!is || isnan(d))
		luaL_error(L, "%s: expected a number, got %s", what, is ? "nan" : luaL_typename(L, argument));
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

/* ---- options: the guest's own, by name ---- */

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

static void option_push(lua_State *L, const struct vn_opt *o, const void *field)
{
	switch (o->type) {
	case VN_OPT_BOOL:    lua_pushboolean(L, *(const bool *)field); break;
	case VN_OPT_INT:     lua_pushinteger(L, *(const int64_t *)field); break;
	case VN_OPT_REAL:    lua_pushnumber(L, *(const double *)field); break;
	case VN_OPT_TIME:    seconds_push(L, *(const vn_nsec *)field); break;
	case VN_OPT_TEXT:
	case VN_OPT_CHOICE:
	case VN_OPT_FAILURE: lua_pushstring(L, *(const char *const *)field); break;        /* nil where it is NULL */
	case VN_OPT_TABLE:   table_push(L, field); break;
	case VN_OPT_INERT:   lua_pushnil(L); break;
	}
}

static const struct vn_opt *script_options(const struct script *s)
{
	return s->speaks ? s->protocol.options : s->behavior.options;
}

/* An option that has no value is nil; one that is not there is a slip of the pen. */
static int option_missing(lua_State *L)
{
	const char *name = luaL_tolstring(L, 2, NULL);
	const struct vn_opt *o = opt_find(script_options(vm_of(L)->script), name);

	return o && o->rule == VN_OPT_OWN && !strcmp(o->name, name) ? 0 : luaL_error(L, "there is no option '%s'", name);
}

static int option_set(lua_State *L)
{
	return luaL_error(L, "options cannot be set");
}

/* The values are behind an empty table, so that none can be set; behind them is who knows what is missing. */
void options_push(struct vm *p, const void *opts)
{
	static const luaL_Reg missing[] = { { "__index", option_missing }, { NULL, NULL } };
	lua_State *L = p->L;

	lua_newtable(L);
	lua_newtable(L);
	lua_newtable(L);
	for (const struct vn_opt *o = script_options(p->script); o && o->name; o++) {
		if (o->rule != VN_OPT_OWN)
			continue;
		option_push(L, o, (const char *)opts + o->offset);
		lua_setfield(L, -2, o->name);
	}
	luaL_newlib(L, missing);
	lua_setmetatable(L, -2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, option_set);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

/* ---- pushed, and checked ---- */

struct userdata *userdata_push(struct vm *p, enum kind kind, const void *thing)
{
	struct userdata *b = lua_newuserdatauv(p->L, sizeof *b, 0);

	*b = (struct userdata){ p->call, (void *)thing, 0 };
	lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->kinds[kind]);
	lua_setmetatable(p->L, -2);
	return b;
}

static struct userdata *userdata_fresh(lua_State *L, struct userdata *b, enum kind kind)
{
	if (b->call != vm_of(L)->call)
		luaL_error(L, "this %s was for a call that is over", kinds[kind].name);
	return b;
}

/* NULL: it is not one of that kind. */
static struct userdata *userdata_test(lua_State *L, int argument, enum kind kind)
{
	struct userdata *b = lua_touserdata(L, argument);

	if (!b || !lua_getmetatable(L, argument))
		return NULL;
	lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->kinds[kind]);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same ? userdata_fresh(L, b, kind) : NULL;
}

struct userdata *userdata_check(lua_State *L, int argument, enum kind kind)
{
	struct userdata *b = userdata_test(L, argument, kind);

	if (!b)
		luaL_typeerror(L, argument, kinds[kind].name);
	return b;
}

/* ---- fields ---- */

/* The field that argument 2 names; upvalue 1 has them all, upvalue 2 says of what kind. */
static const struct field *field_find(lua_State *L)
{
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	return lua_touserdata(L, -1);
}

static const char *kind_name(lua_State *L)
{
	return kinds[lua_tointeger(L, lua_upvalueindex(2))].name;
}

/* As a metamethod it is called with a box of its own kind. */
static struct userdata *userdata_self(lua_State *L)
{
	return userdata_fresh(L, lua_touserdata(L, 1), (enum kind)lua_tointeger(L, lua_upvalueindex(2)));
}

static int userdata_index(lua_State *L)
{
	const struct field *f = field_find(L);

	if (!f)
		return luaL_error(L, "%s has no '%s'", kind_name(L), luaL_tolstring(L, 2, NULL));
	if (!f->method && !f->get)
		return luaL_error(L, "%s.%s can only be set", kind_name(L), f->name);
	if (f->method)
		lua_pushcfunction(L, f->method);
	else
		f->get(vm_of(L), userdata_self(L)->thing);
	return 1;
}

static int userdata_newindex(lua_State *L)
{
	const struct field *f = field_find(L);

	if (!f || !f->set)
		return luaL_error(L, f ? "%s.%s cannot be set" : "%s has no '%s'", kind_name(L), luaL_tolstring(L, 2, NULL));
	f->set(vm_of(L), userdata_self(L)->thing);
	return 0;
}

static void method_set(lua_State *L, enum kind kind, const char *name, lua_CFunction function)
{
	lua_newtable(L);
	for (const struct field *f = kinds[kind].fields; f && f->name; f++) {
		lua_pushlightuserdata(L, (void *)f);
		lua_setfield(L, -2, f->name);
	}
	lua_pushinteger(L, kind);
	lua_pushcclosure(L, function, 2);
	lua_setfield(L, -2, name);
}

void userdata_open(lua_State *L)
{
	for (enum kind k = 0; k < KINDS; k++) {
		lua_newtable(L);
		method_set(L, k, "__index", userdata_index);
		method_set(L, k, "__newindex", userdata_newindex);
		if (k == KIND_BYTES)
			bytes_open(L);
		lua_pushboolean(L, false);
		lua_setfield(L, -2, "__metatable");
		lua_pushstring(L, kinds[k].name);
		lua_setfield(L, -2, "__name");
		vm_of(L)->kinds[k] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}

/* ---- a message ---- */

static void role_get(struct vm *p, void *m)    { lua_pushinteger(p->L, ((struct vn_message *)m)->role); }
static void is_get(struct vm *p, void *m)      { lua_pushinteger(p->L, ((struct vn_message *)m)->is); }
static void verb_get(struct vm *p, void *m)    { lua_pushstring(p->L, ((struct vn_message *)m)->verb); }
static void subject_get(struct vm *p, void *m) { bytes_push(p, ((struct vn_message *)m)->subject); }
static void head_get(struct vm *p, void *m)    { lua_pushinteger(p->L, ((struct vn_message *)m)->head); }
static void lead_get(struct vm *p, void *m)    { lua_pushinteger(p->L, ((struct vn_message *)m)->lead); }
static void seq_get(struct vm *p, void *m)     { lua_pushinteger(p->L, (lua_Integer)((struct vn_message *)m)->seq); }
static void note_get(struct vm *p, void *m)    { lua_pushinteger(p->L, (lua_Integer)((struct vn_message *)m)->note); }
static void failure_get(struct vm *p, void *m) { lua_pushstring(p->L, ((struct vn_message *)m)->failure); }

const struct field message_fields[] = {
	{ "role", role_get }, { "is", is_get }, { "verb", verb_get }, { "subject", subject_get }, { "head", head_get },
	{ "lead", lead_get }, { "seq", seq_get }, { "note", note_get }, { "failure", failure_get }, { NULL },
};

static struct vn_message *sequel_of(struct vm *p)
{
	return &OWNER(protocol_state, state_ref, p->state_ref)->sequel;
}

/* Some words are a request's, some a response's, and VN_AIDS is of both. */
static void role_set(struct vm *p, void *m)
{
	lua_Integer role = luaL_checkinteger(p->L, 3);
	bool response = p->hook == HOOK_RESPONSE;
	bool of_response = role == VN_ANSWERS || role == VN_PUSH || role == VN_INTERIM;

	if (role < 0 || role > VN_INTERIM || (role != VN_AIDS && of_response != response))
		luaL_error(p->L, "role: expected one that a %s can have", hook_names[p->hook]);
	((struct vn_message *)m)->role = (enum vn_role)role;
}

static void is_set(struct vm *p, void *m)
{
	((struct vn_message *)m)->is = (unsigned)luaL_checkinteger(p->L, 3);
}

static void verb_set(struct vm *p, void *m)
{
	struct vn_span verb = bytes_check(p->L, 3);
	struct vn_message *to = m;
	size_t n = verb.n < sizeof to->verb ? verb.n : sizeof to->verb - 1;

	for (size_t i = 0; i < n; i++)
		to->verb[i] = verb.p[i] > ' ' && verb.p[i] < 0x7f ? (char)verb.p[i] : '?';
	to->verb[n] = '\0';
}

/* Bytes stay where they are; a text of the script's is kept until the next call. */
static void subject_set(struct vm *p, void *m)
{
	struct vn_span subject = bytes_check(p->L, 3);

	if (lua_type(p->L, 3) == LUA_TSTRING) {
		struct vn_buffer *room = &p->subjects[m == sequel_of(p)];
		buffer_clear(room);
		vn_buffer_put(room, subject.p, subject.n);
		subject = vn_buffer_span(room);
	}
	((struct vn_message *)m)->subject = subject;
}

static void head_set(struct vm *p, void *m)
{
	size_t n = size_check(p->L, 3, "head");

	((struct vn_message *)m)->head = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void lead_set(struct vm *p, void *m)
{
	size_t n = size_check(p->L, 3, "lead");

	((struct vn_message *)m)->lead = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void seq_set(struct vm *p, void *m)
{
	((struct vn_message *)m)->seq = (uint64_t)luaL_checkinteger(p->L, 3);
}

static void note_set(struct vm *p, void *m)
{
	((struct vn_message *)m)->note = (uint64_t)luaL_checkinteger(p->L, 3) & ~VN_NOTE_SUBSTITUTE;
}

static const char *own_failure(struct vm *p)
{
	const char *name = luaL_checkstring(p->L, 3);
	const struct vn_failure *f = failure_find(&p->script->protocol, name);

	if (!f)
		luaL_error(p->L, "there is no '%s' among the failures", name);
	return f->name;
}

static void failure_set(struct vm *p, void *m)
{
	((struct vn_message *)m)->failure = own_failure(p);
}

static void agreed_get(struct vm *p, void *m)
{
	lua_pushstring(p->L, ((struct vn_message *)m)->agreed);
}

static void agreed_set(struct vm *p, void *m)
{
	((struct vn_message *)m)->agreed = own_failure(p);
}

/* There is one as soon as it is spoken of. */
static void sequel_get(struct vm *p, void *m)
{
	struct vn_message *to = m;

	if (!to->sequel) {
		*sequel_of(p) = (struct vn_message){ .role = VN_ASKS };
		to->sequel = sequel_of(p);
	}
	userdata_push(p, KIND_SEQUEL, to->sequel);
}

#define MAKING \
	{ "role", role_get, role_set }, { "is", is_get, is_set }, { "verb", verb_get, verb_set }, \
	{ "subject", subject_get, subject_set }, { "head", head_get, head_set }, \
	{ "lead", lead_get, lead_set }, { "seq", seq_get, seq_set }, \
	{ "note", note_get, note_set }

const struct field making_fields[] = {
	MAKING, { "failure", failure_get, failure_set }, { "agreed", agreed_get, agreed_set }, { "sequel", sequel_get }, { NULL },
};

const struct field sequel_fields[] = { MAKING, { NULL } };
