/* lua_behavior.c - a script's act(event, verdict), and what it gets to see. */
#include "plugins/lua_behavior.h"

#include <string.h>

#include "base/loop.h"
#include "base/memory.h"
#include "plugins/lua_bytes.h"
#include "plugins/lua_message.h"
#include "plugins/lua_number.h"
#include "plugins/lua_tls.h"

static struct userdata_kind event_kind = { "event" }, verdict_kind = { "verdict" };
static struct userdata_kind pace_kind = { "pace" }, dirt_kind = { "dirt" }, dice_kind = { "dice" };

/* ---- dice ---- */

static struct vn_dice *dice_check(lua_State *L)
{
	return userdata_check(L, 1, &dice_kind)->thing;
}

static int unit_call(lua_State *L)
{
	lua_pushnumber(L, vn_dice_unit(dice_check(L)));
	return 1;
}

static int below_call(lua_State *L)
{
	struct vn_dice *d = dice_check(L);

	lua_pushinteger(L, (lua_Integer)vn_dice_below(d, (uint64_t)size_check(L, 2, "below")));
	return 1;
}

static int normal_call(lua_State *L)
{
	lua_pushnumber(L, vn_dice_normal(dice_check(L)));
	return 1;
}

/* Add the row on top of the stack, { percent = 50, time = 0.1 }. False: it does not ascend. */
static bool row_add(lua_State *L, struct vn_table *t)
{
	size_t n = t->n++;

	lua_getfield(L, -1, "percent");
	t->rows[n].percent = luaL_checknumber(L, -1);
	lua_getfield(L, -2, "time");
	t->rows[n].time = seconds_check(L, -1, "time");
	lua_pop(L, 3);
	return !n || (t->rows[n].percent > t->rows[n - 1].percent &&
	              t->rows[n].time >= t->rows[n - 1].time);
}

/* A value of an option of type VN_OPT_TABLE, as options_push made it; nil is an empty one. */
static struct vn_table table_check(lua_State *L, int argument)
{
	struct vn_table t = { 0 };

	if (lua_isnoneornil(L, argument))
		return t;
	luaL_checktype(L, argument, LUA_TTABLE);
	while (t.n < VN_TABLE_MAX && lua_geti(L, argument, (lua_Integer)t.n + 1) == LUA_TTABLE)
		if (!row_add(L, &t))
			luaL_argerror(L, argument, "expected percents and times that both ascend");
	return t;
}

/* dice:time(mean, spread, distribution, table): each as an option has it */
static int time_call(lua_State *L)
{
	const char *const *names = vn_dice_distributions;
	struct vn_dice *d = dice_check(L);
	vn_nsec mean = seconds_check(L, 2, "mean");
	vn_nsec spread = lua_isnoneornil(L, 3) ? 0 : seconds_check(L, 3, "spread");
	const char *distribution = names[luaL_checkoption(L, 4, names[0], names)];
	struct vn_table t = table_check(L, 5);

	seconds_push(L, vn_dice_time(d, mean, spread, distribution, &t));
	return 1;
}

USERDATA(dice,
	{ "unit", .method = unit_call }, { "below", .method = below_call },
	{ "normal", .method = normal_call }, { "time", .method = time_call })

/* ---- the event ---- */

#define E(thing) ((const struct vn_event *)(thing))

static void whole_push(lua_State *L, uint64_t n)
{
	lua_pushinteger(L, (lua_Integer)n);
}

static void moment_get(lua_State *L, void *e)     { whole_push(L, E(e)->moment); }
static void direction_get(lua_State *L, void *e)  { whole_push(L, E(e)->direction); }
static void connection_get(lua_State *L, void *e) { whole_push(L, E(e)->connection); }
static void exchange_get(lua_State *L, void *e)   { whole_push(L, E(e)->exchange); }
static void passed_get(lua_State *L, void *e)     { whole_push(L, E(e)->passed); }
static void age_get(lua_State *L, void *e)        { seconds_push(L, E(e)->age); }
static void words_get(lua_State *L, void *e)      { lua_pushboolean(L, E(e)->words); }
static void interim_get(lua_State *L, void *e)    { lua_pushboolean(L, E(e)->interim); }
static void datagram_get(lua_State *L, void *e)   { lua_pushboolean(L, E(e)->datagram); }
static void state_get(lua_State *L, void *e)      { call_push_state(call_of(L)); }

static void options_get(lua_State *L, void *e)
{
	call_push_options(call_of(L), E(e)->rule, E(e)->opts);
}

static void data_get(lua_State *L, void *e)
{
	bytes_push(L, (struct vn_span){ E(e)->data, E(e)->len });
}

static void dice_get(lua_State *L, void *e)
{
	if (E(e)->dice)
		userdata_push(L, &dice_kind, E(e)->dice);
	else                            /* at VN_ON_LISTEN, as nothing is drawn there */
		lua_pushnil(L);
}

static void hello_get(lua_State *L, void *e)      { hello_push(L, E(e)->hello); }

static void message_get(lua_State *L, void *e)
{
	if (E(e)->msg)
		userdata_push(L, &message_kind, E(e)->msg);
	else
		lua_pushnil(L);
}

USERDATA(event,
	{ "moment", moment_get }, { "direction", direction_get }, { "message", message_get },
	{ "options", options_get }, { "state", state_get }, { "dice", dice_get },
	{ "age", age_get }, { "connection", connection_get }, { "exchange", exchange_get },
	{ "passed", passed_get }, { "words", words_get }, { "interim", interim_get },
	{ "datagram", datagram_get },
	{ "data", data_get }, { "hello", hello_get })

/* ---- the verdict ---- */

#define V(thing) ((struct vn_verdict *)(thing))

static void fate_get(lua_State *L, void *v)  { lua_pushinteger(L, V(v)->fate); }
static void why_get(lua_State *L, void *v)   { lua_pushstring(L, V(v)->failure); }
static void keep_get(lua_State *L, void *v)  { size_push(L, V(v)->keep); }
static void hold_get(lua_State *L, void *v)  { seconds_push(L, V(v)->hold); }
static void ends_get(lua_State *L, void *v)  { lua_pushinteger(L, V(v)->end); }
static void after_get(lua_State *L, void *v) { seconds_push(L, V(v)->after); }
static void more_get(lua_State *L, void *v)  { lua_pushinteger(L, V(v)->copies); }
static void pace_get(lua_State *L, void *v)  { userdata_push(L, &pace_kind, &V(v)->pace); }
static void dirt_get(lua_State *L, void *v)  { userdata_push(L, &dirt_kind, &V(v)->dirt); }
static void tls_get(lua_State *L, void *v)   { tls_push(L, V(v)->tls); }

static void fate_set(lua_State *L, void *v)  { V(v)->fate = (enum vn_fate)luaL_checkinteger(L, 3); }
static void ends_set(lua_State *L, void *v)  { V(v)->end = (enum vn_end)luaL_checkinteger(L, 3); }
static void keep_set(lua_State *L, void *v)  { V(v)->keep = size_check(L, 3, "keep"); }
static void hold_set(lua_State *L, void *v)  { V(v)->hold = seconds_check(L, 3, "hold"); }
static void more_set(lua_State *L, void *v)
{
	size_t n = size_check(L, 3, "copies");

	V(v)->copies = n < 1000 ? (unsigned)n : 1000;   /* the engine has its own limit */
}

static void after_set(lua_State *L, void *v) { V(v)->after = seconds_check(L, 3, "after"); }

static const char *failure_check(lua_State *L, int argument)
{
	return lua_isnoneornil(L, argument) ? NULL
	       : call_name(call_of(L), luaL_checkstring(L, argument));
}

static void why_set(lua_State *L, void *v)
{
	V(v)->failure = failure_check(L, 3);
}

static const struct vn_event *event_of(lua_State *L)
{
	return call_of(L)->arg[0];
}

/* verdict:refuse(failure, spoil), as vn_verdict_refuse */
static int refuse_call(lua_State *L)
{
	struct vn_verdict *v = userdata_check(L, 1, &verdict_kind)->thing;

	vn_verdict_refuse(event_of(L), failure_check(L, 2), lua_toboolean(L, 3), v);
	return 0;
}

/* verdict:limit(left, end), as vn_verdict_limit */
static int limit_call(lua_State *L)
{
	struct vn_verdict *v = userdata_check(L, 1, &verdict_kind)->thing;

	vn_verdict_limit(event_of(L), size_check(L, 2, "left"),
	                 (enum vn_end)luaL_checkinteger(L, 3), v);
	return 0;
}

/* verdict:edit(at, bytes): replaces bytes of event.data, from `at` on, in place. */
static int edit_call(lua_State *L)
{
	struct call *c = call_of(L);
	const struct vn_event *e = event_of(L);
	struct vn_verdict *v = userdata_check(L, 1, &verdict_kind)->thing;
	lua_Integer at = luaL_checkinteger(L, 2);
	struct vn_span bytes = bytes_check(L, 3);

	if (at < 1 || (uint64_t)at > e->len || bytes.n > e->len - (size_t)at + 1)
		return luaL_error(L, "edit: expected a place within the %d bytes of event.data",
		                  (int)e->len);
	if (!c->before) {
		c->before = xmalloc(e->len);
		memcpy(c->before, e->data, e->len);
	}
	memmove(e->data + at - 1, bytes.p, bytes.n);
	v->dirt.edited = true;
	return 0;
}

USERDATA(verdict,
	{ "fate", fate_get, fate_set }, { "failure", why_get, why_set },
	{ "keep", keep_get, keep_set }, { "hold", hold_get, hold_set }, { "pace", pace_get },
	{ "dirt", dirt_get }, { "tls", tls_get }, { "ends", ends_get, ends_set },
	{ "after", after_get, after_set }, { "copies", more_get, more_set },
	{ "refuse", .method = refuse_call }, { "limit", .method = limit_call },
	{ "edit", .method = edit_call })

#define P(thing) ((struct vn_pace *)(thing))

static void rate_get(lua_State *L, void *t)  { size_push(L, P(t)->rate); }
static void piece_get(lua_State *L, void *t) { size_push(L, P(t)->piece); }
static void vary_get(lua_State *L, void *t)  { size_push(L, P(t)->vary); }
static void gap_get(lua_State *L, void *t)   { seconds_push(L, P(t)->gap); }
static void rate_set(lua_State *L, void *t)  { P(t)->rate = size_check(L, 3, "rate"); }
static void piece_set(lua_State *L, void *t) { P(t)->piece = size_check(L, 3, "piece"); }
static void vary_set(lua_State *L, void *t)  { P(t)->vary = size_check(L, 3, "vary"); }
static void gap_set(lua_State *L, void *t)   { P(t)->gap = seconds_check(L, 3, "gap"); }

USERDATA(pace,
	{ "rate", rate_get, rate_set }, { "piece", piece_get, piece_set },
	{ "vary", vary_get, vary_set }, { "gap", gap_get, gap_set })

#define D(thing) ((struct vn_dirt *)(thing))

static void junk_get(lua_State *L, void *t)  { size_push(L, D(t)->junk); }
static void at_get(lua_State *L, void *t)    { size_push(L, D(t)->at); }
static void flips_get(lua_State *L, void *t) { size_push(L, D(t)->flips); }
static void junk_set(lua_State *L, void *t)  { D(t)->junk = size_check(L, 3, "junk"); }
static void at_set(lua_State *L, void *t)    { D(t)->at = size_check(L, 3, "at"); }

static void flips_set(lua_State *L, void *t)
{
	size_t n = size_check(L, 3, "flips");

	D(t)->flips = n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

USERDATA(dirt,
	{ "junk", junk_get, junk_set }, { "at", at_get, at_set }, { "flips", flips_get, flips_set })

/* ---- act ---- */

static int act_inside(lua_State *L)
{
	struct call *c = call_of(L);

	call_push_hook(c);
	userdata_push(L, &event_kind, c->arg[0]);
	userdata_push(L, &verdict_kind, c->result);
	lua_call(L, 2, 0);
	return 0;
}

void lua_act(const struct vn_event *e, struct vn_verdict *v)
{
	struct call *c = call_begin(OWNER(script, behavior, e->self));

	if (!c)
		return;
	c->hook = HOOK_ACT;
	c->arg[0] = e;
	c->result = v;
	c->state_ref = e->state;
	c->vm.dice = e->dice;
	if (!call_run(c, act_inside)) {        /* the message passes as it came */
		*v = (struct vn_verdict){ .keep = VN_ALL, .tls = v->tls };
		if (v->tls)
			*v->tls = (struct vn_tls){ 0 };
		if (c->before)
			memcpy(e->data, c->before, e->len);
	}
	call_end(c);
}
