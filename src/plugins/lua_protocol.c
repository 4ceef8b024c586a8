/* lua_protocol.c - a script's request, response, fits, refuse and word, and what they get. */
#include "plugins/lua_protocol.h"

#include "base/loop.h"
#include "plugins/lua_bytes.h"
#include "plugins/lua_message.h"
#include "plugins/lua_number.h"
#include "plugins/lua_options.h"

static struct userdata_kind talk_kind = { "talk" }, texts_kind = { "texts" }, out_kind = { "out" };

/* ---- the session, which scripts call the talk ---- */

#define T(thing) ((struct vn_session *)(thing))

static void state_get(lua_State *L, void *t)     { call_push_state(call_of(L)); }
static void texts_get(lua_State *L, void *t)     { userdata_push(L, &texts_kind, T(t)->texts); }
static void backend_get(lua_State *L, void *t)   { lua_pushstring(L, T(t)->backend); }
static void owed_get(lua_State *L, void *t)      { lua_pushboolean(L, T(t)->owed); }
static void close_get(lua_State *L, void *t)     { lua_pushboolean(L, T(t)->close); }
static void no_sequel_get(lua_State *L, void *t) { lua_pushboolean(L, T(t)->no_sequel); }
static void idle_get(lua_State *L, void *t)      { lua_pushinteger(L, T(t)->idle); }

static void close_set(lua_State *L, void *t)     { T(t)->close = lua_toboolean(L, 3); }
static void no_sequel_set(lua_State *L, void *t) { T(t)->no_sequel = lua_toboolean(L, 3); }
static void idle_set(lua_State *L, void *t)      { T(t)->idle = (unsigned)luaL_checkinteger(L, 3); }

/* The server's own code of the error that the answer is; in `word`, "" says that it is none. */
static void error_set(lua_State *L, void *t)
{
	size_t n;
	const char *code = luaL_checklstring(L, 3, &n);

	if (call_of(L)->hook == HOOK_WORD)
		vn_session_worded(t, code, n);
	else
		vn_session_error(t, code, n);
}

/* A connection's protocol never changes its options, so one table is made and kept. */
static void options_get(lua_State *L, void *t)
{
	struct call *c = call_of(L);

	if (c->state_ref->options) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, c->state_ref->options);
		return;
	}
	options_push(L, c->script->protocol.options, T(t)->opts);
	call_keep(c, &c->state_ref->options);
}

static const char *notice_keep(struct call *c, const char *text)
{
	struct protocol_state *v = OWNER(protocol_state, state_ref, c->state_ref);

	return text_printable(text, v->notice, sizeof v->notice);
}

static void notice_set(lua_State *L, void *t)
{
	T(t)->notice = notice_keep(call_of(L), luaL_checkstring(L, 3));
}

static void limit_set(lua_State *L, void *t)
{
	T(t)->limit = notice_keep(call_of(L), luaL_checkstring(L, 3));
}

static void mute_set(lua_State *L, void *t)
{
	T(t)->mute = seconds_check(L, 3, "mute");
}

/* HOST, PORT of a place; nil: the address stays; false: it is hidden. */
static int place_push(lua_State *L, enum vn_mapped mapped, const struct vn_place *p)
{
	if (mapped != VN_MAP_OTHER) {
		if (mapped == VN_MAP_HIDE)
			lua_pushboolean(L, false);
		else
			lua_pushnil(L);
		return 1;
	}
	lua_pushlstring(L, (const char *)p->host.p, p->host.n);
	lua_pushinteger(L, p->port);
	return 2;
}

static int talk_map(lua_State *L)
{
	struct vn_session *t = userdata_check(L, 1, &talk_kind)->thing;
	lua_Integer port = luaL_checkinteger(L, 3);
	struct vn_place p;

	luaL_argcheck(L, port >= 0 && port <= 65535, 3, "expected a port");
	return place_push(L, vn_map_address(t, bytes_check(L, 2), (unsigned)port, &p), &p);
}

static int talk_elsewhere(lua_State *L)
{
	struct vn_session *t = userdata_check(L, 1, &talk_kind)->thing;
	struct vn_place p;

	return place_push(L, vn_map_elsewhere(t, &p), &p);
}

USERDATA(talk,
	{ "map", .method = talk_map }, { "elsewhere", .method = talk_elsewhere },
	{ "state", state_get }, { "options", options_get }, { "texts", texts_get },
	{ "backend", backend_get },
	{ "close", close_get, close_set }, { "error", .set = error_set },
	{ "notice", .set = notice_set }, { "limit", .set = limit_set },
	{ "mute", .set = mute_set }, { "owed", owed_get },
	{ "no_sequel", no_sequel_get, no_sequel_set }, { "idle", idle_get, idle_set })

/* ---- texts by number ---- */

static uint64_t key_check(lua_State *L, int argument)
{
	return (uint64_t)luaL_checkinteger(L, argument);
}

static struct vn_text_cache *shelf_check(lua_State *L)
{
	return userdata_check(L, 1, &texts_kind)->thing;
}

static int texts_put(lua_State *L)
{
	vn_text_cache_put(shelf_check(L), key_check(L, 2), bytes_check(L, 3));
	return 0;
}

/* A copy, because a text in the cache goes when others need its room. */
static int texts_get_call(lua_State *L)
{
	struct vn_span s = vn_text_cache_get(shelf_check(L), key_check(L, 2));

	if (!s.n)
		return 0;
	lua_pushlstring(L, (const char *)s.p, s.n);
	return 1;
}

static int texts_move(lua_State *L)
{
	vn_text_cache_move(shelf_check(L), key_check(L, 2), key_check(L, 3));
	return 0;
}

static int texts_drop(lua_State *L)
{
	vn_text_cache_drop(shelf_check(L), key_check(L, 2));
	return 0;
}

USERDATA(texts,
	{ "put", .method = texts_put }, { "get", .method = texts_get_call },
	{ "move", .method = texts_move }, { "drop", .method = texts_drop })

/* ---- bytes to send ---- */

static int out_put_call(lua_State *L)
{
	enum { MOST = 1 << 20 };
	struct vn_buffer *o = userdata_check(L, 1, &out_kind)->thing;

	for (int i = 2, n = lua_gettop(L); i <= n; i++) {
		struct vn_span s = bytes_check(L, i);
		if (s.n > MOST - o->n)
			return luaL_error(L, "more than 1 MiB");
		vn_buffer_put(o, s.p, s.n);
	}
	return 0;
}

USERDATA(out, { "put", .method = out_put_call })

/* ---- cutting ---- */

enum { ARG_TALK, ARG_SPAN, ARG_ASKED, ARG_MESSAGE };

/* What request and response return. */
struct cut_result { struct vn_cut cut; struct vn_message message; };

static lua_Integer returned_number(struct call *c, int index, lua_Integer most,
                                   const char *expected)
{
	int is;
	lua_Integer n = lua_tointegerx(c->vm.L, index, &is);

	if (!is || n < 0 || n > most)
		call_returned(c, index, expected);
	return n;
}

static void cut_read(lua_State *L, struct vn_cut *cut)
{
	struct call *c = call_of(L);
	struct vn_session *t = (struct vn_session *)c->arg[ARG_TALK];
	static const char kinds[] = "one of CUT_MORE, CUT_PART, CUT_END, CUT_WAIT, CUT_RAW";

	cut->kind = (unsigned)returned_number(c, 1, VN_CUT_RAW, kinds);
	if (cut->kind == VN_CUT_RAW && !lua_isnoneornil(L, 2) && !lua_isstring(L, 2))
		call_returned(c, 2, "a text that says why");
	if (cut->kind == VN_CUT_RAW)
		t->notice = lua_isnoneornil(L, 2) ? NULL : notice_keep(c, lua_tostring(L, 2));
	if (cut->kind != VN_CUT_PART && cut->kind != VN_CUT_END)
		return;
	cut->len = (uint64_t)returned_number(c, 2, LUA_MAXINTEGER, "a length");
	if (lua_isnoneornil(L, 3))
		return;
	if (!lua_isstring(L, 3) && !lua_isuserdata(L, 3))
		call_returned(c, 3, "bytes or a text in their place");
	struct vn_span instead = bytes_check(L, 3);
	vn_buffer_put(t->scratch, instead.p, instead.n);
	cut->replaced = true;
	cut->instead = vn_buffer_span(t->scratch);
}

static int cut_inside(lua_State *L)
{
	struct call *c = call_of(L);
	struct cut_result *m = c->result;
	bool response = c->hook == HOOK_RESPONSE;

	call_push_hook(c);
	userdata_push(L, &talk_kind, c->arg[ARG_TALK]);
	bytes_push(L, *(const struct vn_span *)c->arg[ARG_SPAN]);
	if (response && c->arg[ARG_ASKED])
		userdata_push(L, &message_kind, c->arg[ARG_ASKED]);
	else if (response)
		lua_pushnil(L);
	userdata_push(L, &new_message_kind, &m->message);
	lua_call(L, response ? 4 : 3, 3);
	cut_read(L, &m->cut);
	return 0;
}

static struct call *begin(struct vn_session *t, enum hook hook)
{
	struct call *c = call_begin(OWNER(script, protocol, t->self));

	if (!c)
		return NULL;
	c->hook = hook;
	c->arg[ARG_TALK] = t;
	c->state_ref = t->state;
	return c;
}

/* After a failure nobody knows where messages begin: the connection passes as it comes. */
static struct vn_cut cut_by(struct vn_session *t, enum hook hook, struct vn_span in,
                            const struct vn_message *asked, struct vn_message *m)
{
	struct call *c = begin(t, hook);
	struct cut_result made = { .message = *m };

	if (c) {
		c->arg[ARG_SPAN] = &in;
		c->arg[ARG_ASKED] = asked;
		c->result = &made;
		bool good = call_run(c, cut_inside);
		call_end(c);
		if (good) {
			*m = made.message;
			return made.cut;
		}
	}
	t->notice = "the protocol's script fails";
	return (struct vn_cut){ VN_CUT_RAW };
}

struct vn_cut lua_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	return cut_by(t, HOOK_REQUEST, in, NULL, m);
}

struct vn_cut lua_response(struct vn_session *t, struct vn_span in,
                           const struct vn_message *asked, struct vn_message *m)
{
	return cut_by(t, HOOK_RESPONSE, in, asked, m);
}

/* ---- refusing ---- */

/* Arguments and result of fits, refuse and word. */
struct refusal {
	const struct vn_message *asked;
	const struct vn_failure *failure;
	struct vn_buffer *out;          /* NULL: nothing is sent */
	int answers;
	bool fits;
};

static int refuse_inside(lua_State *L)
{
	struct call *c = call_of(L);
	struct refusal *s = c->result;

	call_push_hook(c);
	if (lua_isnil(L, -1))
		return 0;
	userdata_push(L, &talk_kind, c->arg[ARG_TALK]);
	if (s->asked)
		userdata_push(L, &message_kind, s->asked);
	else
		lua_pushnil(L);
	call_push_failure(c, s->failure);
	if (s->out)
		userdata_push(L, &out_kind, s->out);
	lua_call(L, s->out ? 4 : 3, 1);
	if (c->hook == HOOK_FITS)
		s->fits = lua_toboolean(L, -1);
	if (c->hook == HOOK_REFUSE && lua_isinteger(L, -1) &&
	    lua_tointeger(L, -1) == VN_BY_BACKEND) {
		s->answers = VN_BY_BACKEND;
	} else if (c->hook == HOOK_REFUSE) {
		lua_Integer n = returned_number(c, -1, LUA_MAXINTEGER,
		                                "how many answers that brings");
		s->answers = n > 255 ? 255 : (int)n;
	}
	return 0;
}

static bool refuse_by(struct vn_session *t, enum hook hook, struct refusal *s)
{
	struct call *c = begin(t, hook);

	if (!c)
		return false;
	c->result = s;
	bool good = call_run(c, refuse_inside);
	call_end(c);
	return good;
}

bool lua_fits(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f)
{
	struct refusal s = { asked, f, NULL, 0, false };

	return refuse_by(t, HOOK_FITS, &s) && s.fits;
}

int lua_refuse(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
               struct vn_buffer *backend)
{
	struct refusal s = { asked, f, backend, 0, false };

	return refuse_by(t, HOOK_REFUSE, &s) ? s.answers : -1;
}

/* The request is not forwarded. Without a reply the client would wait, so the connection ends. */
void lua_word(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
              struct vn_buffer *client)
{
	struct refusal s = { asked, f, client, 0, false };

	if (refuse_by(t, HOOK_WORD, &s))
		return;
	buffer_clear(client);
	t->close = true;
}
