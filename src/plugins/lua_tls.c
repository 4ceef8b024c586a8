/* lua_tls.c - a ClientHello, and a verdict on its handshake, in a script's hands. */
#include "plugins/lua_tls.h"

#include <lua5.4/lauxlib.h>
#include <string.h>

#include "plugins/lua_instance.h"
#include "plugins/lua_number.h"
#include "plugins/lua_userdata.h"

static struct userdata_kind hello_kind = { "hello" }, tls_kind = { "tls" };

/* ---- words ---- */

static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3", NULL };

/* nil: not known, or any. */
static void version_push(lua_State *L, unsigned version)
{
	if (version >= 0x0301 && version <= 0x0304)
		lua_pushstring(L, versions[version - 0x0301]);
	else
		lua_pushnil(L);
}

/* The name lives as long as the script. */
static const char *name_check(lua_State *L)
{
	return lua_isnoneornil(L, 3) ? NULL : call_name(call_of(L), luaL_checkstring(L, 3));
}

static void place_push(lua_State *L, enum vn_tls_place at)
{
	lua_pushstring(L, at ? vn_tls_places[at - VN_TLS_AT_UPGRADE] : NULL);
}

static enum vn_tls_place place_check(lua_State *L)
{
	enum vn_tls_place at = VN_TLS_AT_NONE;

	if (!lua_isnoneornil(L, 3) && !(at = vn_tls_place_of(luaL_checkstring(L, 3))))
		luaL_argerror(L, 3, "expected upgrade, client_hello, server_hello or finished");
	return at;
}

/* ---- the ClientHello ---- */

#define H(thing) ((const struct vn_hello *)(thing))

static void name_get(lua_State *L, void *h)    { lua_pushstring(L, H(h)->name); }
static void alpn_get(lua_State *L, void *h)    { lua_pushstring(L, H(h)->alpn); }
static void lowest_get(lua_State *L, void *h)  { version_push(L, H(h)->lowest); }
static void highest_get(lua_State *L, void *h) { version_push(L, H(h)->highest); }
static void resumes_get(lua_State *L, void *h) { lua_pushboolean(L, H(h)->resumes); }

USERDATA(hello,
	{ "name", name_get }, { "alpn", alpn_get }, { "lowest", lowest_get },
	{ "highest", highest_get }, { "resumes", resumes_get })

void hello_push(lua_State *L, const struct vn_hello *h)
{
	if (h)
		userdata_push(L, &hello_kind, h);
	else
		lua_pushnil(L);
}

/* ---- the verdict on the handshake ---- */

#define T(thing) ((struct vn_tls *)(thing))

#define NAME(field) \
	static void field##_said(lua_State *L, void *t) { lua_pushstring(L, T(t)->field); } \
	static void field##_says(lua_State *L, void *t) { T(t)->field = name_check(L); }
#define FLAG(field) \
	static void field##_said(lua_State *L, void *t) { lua_pushboolean(L, T(t)->field); } \
	static void field##_says(lua_State *L, void *t) { T(t)->field = lua_toboolean(L, 3); }
#define PLACE(field) \
	static void field##_said(lua_State *L, void *t) { place_push(L, T(t)->field); } \
	static void field##_says(lua_State *L, void *t) { T(t)->field = place_check(L); }
#define SIZE(field) \
	static void field##_said(lua_State *L, void *t) { size_push(L, T(t)->field); } \
	static void field##_says(lua_State *L, void *t) { T(t)->field = size_check(L, 3, #field); }

NAME(flaw)
NAME(alert)
NAME(ciphers)
NAME(alpn)
NAME(reject)
NAME(corrupt)
FLAG(alpn_refused)
FLAG(demand)
FLAG(refused)
FLAG(plain)
FLAG(forget)
FLAG(truncate)
PLACE(stall)
PLACE(late)
PLACE(breaks)
SIZE(after)
SIZE(nth)

static void hold_said(lua_State *L, void *t) { seconds_push(L, T(t)->hold); }
static void hold_says(lua_State *L, void *t) { T(t)->hold = seconds_check(L, 3, "hold"); }
static void ends_said(lua_State *L, void *t) { lua_pushinteger(L, T(t)->end); }
static void ends_says(lua_State *L, void *t) { T(t)->end = (enum vn_end)luaL_checkinteger(L, 3); }
static void only_said(lua_State *L, void *t) { version_push(L, T(t)->only); }

static void only_says(lua_State *L, void *t)
{
	T(t)->only = lua_isnoneornil(L, 3) ?
	                     0 :
	                     0x0301 + (unsigned)luaL_checkoption(L, 3, NULL, versions);
}

static void corrupted_said(lua_State *L, void *t) { lua_pushinteger(L, T(t)->corrupted); }

static void corrupted_says(lua_State *L, void *t)
{
	T(t)->corrupted = (enum vn_direction)luaL_checkinteger(L, 3);
}

#define ROW(field) { #field, field##_said, field##_says }

USERDATA(tls,
	ROW(flaw), ROW(stall), ROW(late), ROW(hold), ROW(alert), ROW(breaks), ROW(ends), ROW(only),
	ROW(ciphers), ROW(alpn), ROW(alpn_refused), ROW(demand), ROW(reject), ROW(refused),
	ROW(plain), ROW(forget), ROW(truncate), ROW(after), ROW(corrupt), ROW(nth),
	ROW(corrupted))

void tls_push(lua_State *L, struct vn_tls *t)
{
	if (t)
		userdata_push(L, &tls_kind, t);
	else
		lua_pushnil(L);
}
