/* lua_message.c - the fields of a message. */
#include "plugins/lua_message.h"

#include "base/loop.h"
#include "plugins/lua_bytes.h"
#include "plugins/lua_number.h"
#include "spec/failure.h"

struct userdata_kind message_kind = { "message" }, new_message_kind = { "message" };
static struct userdata_kind sequel_kind = { "sequel" };

#define M(thing) ((struct vn_message *)(thing))

/* ---- to read ---- */

static void role_get(lua_State *L, void *m)    { lua_pushinteger(L, M(m)->role); }
static void is_get(lua_State *L, void *m)      { lua_pushinteger(L, M(m)->is); }
static void verb_get(lua_State *L, void *m)    { lua_pushstring(L, M(m)->verb); }
static void subject_get(lua_State *L, void *m) { bytes_push(L, M(m)->subject); }
static void head_get(lua_State *L, void *m)    { lua_pushinteger(L, M(m)->head); }
static void lead_get(lua_State *L, void *m)    { lua_pushinteger(L, M(m)->lead); }
static void seq_get(lua_State *L, void *m)     { lua_pushinteger(L, (lua_Integer)M(m)->seq); }
static void note_get(lua_State *L, void *m)    { lua_pushinteger(L, (lua_Integer)M(m)->note); }
static void failure_get(lua_State *L, void *m) { lua_pushstring(L, M(m)->failure); }
static void agreed_get(lua_State *L, void *m)  { lua_pushstring(L, M(m)->agreed); }

static void struck_get(lua_State *L, void *m)
{
	lua_pushstring(L, M(m)->struck ? M(m)->struck->name : NULL);
}

USERDATA(message, { "role", role_get }, { "is", is_get }, { "verb", verb_get },
         { "subject", subject_get }, { "head", head_get }, { "lead", lead_get }, { "seq", seq_get },
         { "note", note_get }, { "failure", failure_get },
         { "struck", struck_get })

/* ---- to make ---- */

static struct vn_message *own_sequel(lua_State *L)
{
	return &OWNER(protocol_state, state_ref, call_of(L)->state_ref)->sequel;
}

/* VN_AIDS fits both a request and a response; every other role fits one of them. */
static void role_set(lua_State *L, void *m)
{
	enum hook hook = call_of(L)->hook;
	lua_Integer role = luaL_checkinteger(L, 3);
	bool of_response = role == VN_ANSWERS || role == VN_PUSH || role == VN_INTERIM;

	if (role < 0 || role > VN_INTERIM ||
	    (role != VN_AIDS && of_response != (hook == HOOK_RESPONSE)))
		luaL_error(L, "role: expected one that a %s can have", hook_names[hook]);
	M(m)->role = (enum vn_role)role;
}

static void is_set(lua_State *L, void *m)
{
	M(m)->is = (unsigned)luaL_checkinteger(L, 3);
}

static void verb_set(lua_State *L, void *m)
{
	struct vn_span verb = bytes_check(L, 3);
	struct vn_message *to = m;
	size_t n = verb.n < sizeof to->verb ? verb.n : sizeof to->verb - 1;

	for (size_t i = 0; i < n; i++)
		to->verb[i] = verb.p[i] > ' ' && verb.p[i] < 0x7f ? (char)verb.p[i] : '?';
	to->verb[n] = '\0';
}

/* Bytes stay where they are; a string is copied, and the copy is good until the next call. */
static void subject_set(lua_State *L, void *m)
{
	struct vn_span subject = bytes_check(L, 3);

	if (lua_type(L, 3) == LUA_TSTRING) {
		struct vn_buffer *copy = &call_of(L)->subjects[m == own_sequel(L)];
		buffer_clear(copy);
		vn_buffer_put(copy, subject.p, subject.n);
		subject = vn_buffer_span(copy);
	}
	M(m)->subject = subject;
}

static void lead_set(lua_State *L, void *m)
{
	size_t n = size_check(L, 3, "lead");

	M(m)->lead = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void head_set(lua_State *L, void *m)
{
	size_t n = size_check(L, 3, "head");

	M(m)->head = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void seq_set(lua_State *L, void *m)
{
	M(m)->seq = (uint64_t)luaL_checkinteger(L, 3);
}

static void note_set(lua_State *L, void *m)
{
	M(m)->note = (uint64_t)luaL_checkinteger(L, 3) & ~VN_NOTE_SUBSTITUTE;
}

static const char *own_failure(lua_State *L)
{
	const char *name = luaL_checkstring(L, 3);
	const struct vn_failure *f = failure_find(&call_of(L)->script->protocol, name);

	if (!f)
		luaL_error(L, "there is no '%s' among the failures", name);
	return f->name;
}

static void failure_set(lua_State *L, void *m)
{
	M(m)->failure = own_failure(L);
}

static void agreed_set(lua_State *L, void *m)
{
	M(m)->agreed = own_failure(L);
}

/* The first use makes it. */
static void sequel_get(lua_State *L, void *m)
{
	if (!M(m)->sequel) {
		*own_sequel(L) = (struct vn_message){ .role = VN_ASKS };
		M(m)->sequel = own_sequel(L);
	}
	userdata_push(L, &sequel_kind, M(m)->sequel);
}

#define BOTH_HAVE \
	{ "role", role_get, role_set }, { "is", is_get, is_set }, { "verb", verb_get, verb_set }, \
	{ "subject", subject_get, subject_set }, { "head", head_get, head_set }, \
	{ "lead", lead_get, lead_set }, \
	{ "seq", seq_get, seq_set }, { "note", note_get, note_set }

USERDATA(new_message, BOTH_HAVE,
	{ "failure", failure_get, failure_set }, { "agreed", agreed_get, agreed_set },
	{ "sequel", sequel_get })

USERDATA(sequel, BOTH_HAVE)
