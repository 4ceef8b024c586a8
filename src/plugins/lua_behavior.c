/* lua_behavior.c - a script's act(event, verdict). */
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/memory.h"
#include "plugins/lua_vm.h"

/* ---- dice ---- */

static struct vn_dice *dice_check(lua_State *L)
{
	return userdata_check(L, 1, KIND_DICE)->thing;
}

static int unit_call(lua_State *L)
{
	lua_pushnumber(L, vn_dice_unit(dice_check(L)));
	return 1;
}

static int below_call(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)vn_dice_below(dice_check(L), (uint64_t)size_check(L, 2, "below")));
	return 1;
}

static int normal_call(lua_State *L)
{
	lua_pushnumber(L, vn_dice_normal(dice_check(L)));
	return 1;
}

/* An option of type VN_OPT_TABLE, as the script has it. */
static struct vn_table table_check(lua_State *L, int argument)
{
	struct vn_table t = { 0 };

	if (lua_isnoneornil(L, argument))
		return t;
	luaL_checktype(L, argument, LUA_TTABLE);
	for (; t.n < VN_TABLE_MAX && lua_geti(L, argument, (lua_Integer)t.n + 1) == LUA_TTABLE; t.n++) {
		lua_getfield(L, -1, "percent");
		t.rows[t.n].percent = luaL_checknumber(L, -1);
		lua_getfield(L, -2, "time");
		t.rows[t.n].time = seconds_check(L, -1, "time");
		if (t.n && !(t.rows[t.n].percent > t.rows[t.n - 1].percent && t.rows[t.n].time >= t.rows[t.n - 1].time))
			luaL_argerror(L, argument, "expected percents and times that both ascend");
		lua_settop(L, -4);
	}
	return t;
}

/* (mean, spread, distribution, table) as of an option each */
static int time_call(lua_State *L)
{
	struct vn_dice *d = dice_check(L);
	vn_nsec mean = seconds_check(L, 2, "mean"), spread = lua_isnoneornil(L, 3) ? 0 : seconds_check(L, 3, "spread");
	const char *distribution = vn_dice_distributions[luaL_checkoption(L, 4, vn_dice_distributions[0], vn_dice_distributions)];
	struct vn_table t = table_check(L, 5);

	seconds_push(L, vn_dice_time(d, mean, spread, distribution, &t));
	return 1;
}

const struct field dice_fields[] = {
	{ "unit", .method = unit_call }, { "below", .method = below_call }, { "normal", .method = normal_call },
	{ "time", .method = time_call }, { NULL },
};

/* ---- the event ---- */

#define E(thing) ((const struct vn_event *)(thing))

static void moment_get(struct vm *p, void *e)     { lua_pushinteger(p->L, E(e)->moment); }
static void direction_get(struct vm *p, void *e)  { lua_pushinteger(p->L, E(e)->direction); }
static void options_get(struct vm *p, void *e)    { vm_push_options(p, E(e)->rule, E(e)->opts); }
static void state_get(struct vm *p, void *e)      { vm_push_state(p); }
static void age_get(struct vm *p, void *e)        { seconds_push(p->L, E(e)->age); }
static void connection_get(struct vm *p, void *e) { lua_pushinteger(p->L, (lua_Integer)E(e)->connection); }
static void exchange_get(struct vm *p, void *e)   { lua_pushinteger(p->L, (lua_Integer)E(e)->exchange); }
static void passed_get(struct vm *p, void *e)     { lua_pushinteger(p->L, (lua_Integer)E(e)->passed); }
static void words_get(struct vm *p, void *e)      { lua_pushboolean(p->L, E(e)->words); }
static void interim_get(struct vm *p, void *e)    { lua_pushboolean(p->L, E(e)->interim); }
static void data_get(struct vm *p, void *e)       { bytes_push(p, (struct vn_span){ E(e)->data, E(e)->len }); }

static void dice_get(struct vm *p, void *e)
{
	if (E(e)->dice)
		userdata_push(p, KIND_DICE, E(e)->dice);
	else                            /* at VN_ON_LISTEN nothing is drawn */
		lua_pushnil(p->L);
}

static void message_get(struct vm *p, void *e)
{
	if (E(e)->msg)
		userdata_push(p, KIND_MESSAGE, E(e)->msg);
	else
		lua_pushnil(p->L);
}

const struct field event_fields[] = {
	{ "moment", moment_get }, { "direction", direction_get }, { "message", message_get }, { "options", options_get },
	{ "state", state_get }, { "dice", dice_get }, { "age", age_get }, { "connection", connection_get },
	{ "exchange", exchange_get }, { "passed", passed_get }, { "words", words_get }, { "interim", interim_get },
	{ "data", data_get }, { NULL },
};

/* ---- the verdict ---- */

#define V(thing) ((struct vn_verdict *)(thing))

static void size_push(lua_State *L, size_t n)
{
	if (n > INT64_MAX)
		lua_pushnumber(L, (double)n);
	else
		lua_pushinteger(L, (lua_Integer)n);
}

static void fate_get(struct vm *p, void *v)  { lua_pushinteger(p->L, V(v)->fate); }
static void why_get(struct vm *p, void *v)   { lua_pushstring(p->L, V(v)->failure); }
static void keep_get(struct vm *p, void *v)  { size_push(p->L, V(v)->keep); }
static void hold_get(struct vm *p, void *v)  { seconds_push(p->L, V(v)->hold); }
static void ends_get(struct vm *p, void *v)  { lua_pushinteger(p->L, V(v)->end); }
static void after_get(struct vm *p, void *v) { seconds_push(p->L, V(v)->after); }
static void pace_get(struct vm *p, void *v)  { userdata_push(p, KIND_PACE, &V(v)->pace); }
static void dirt_get(struct vm *p, void *v)  { userdata_push(p, KIND_DIRT, &V(v)->dirt); }

static void fate_set(struct vm *p, void *v)  { V(v)->fate = (enum vn_fate)luaL_checkinteger(p->L, 3); }
static void keep_set(struct vm *p, void *v)  { V(v)->keep = size_check(p->L, 3, "keep"); }
static void hold_set(struct vm *p, void *v)  { V(v)->hold = seconds_check(p->L, 3, "hold"); }
static void ends_set(struct vm *p, void *v)  { V(v)->end = (enum vn_end)luaL_checkinteger(p->L, 3); }
static void after_set(struct vm *p, void *v) { V(v)->after = seconds_check(p->L, 3, "after"); }

static const char *failure_check(struct vm *p, int argument)
{
	return lua_isnoneornil(p->L, argument) ? NULL : vm_name(p, luaL_checkstring(p->L, argument));
}

static void why_set(struct vm *p, void *v)
{
	V(v)->failure = failure_check(p, 3);
}

/* verdict:refuse(failure, spoil), as vn_verdict_refuse */
static int refuse_call(lua_State *L)
{
	struct vm *p = vm_of(L);

	vn_verdict_refuse(p->arg[0], failure_check(p, 2), lua_toboolean(L, 3), userdata_check(L, 1, KIND_VERDICT)->thing);
	return 0;
}

/* verdict:limit(left, end), as vn_verdict_limit */
static int limit_call(lua_State *L)
{
	vn_verdict_limit(vm_of(L)->arg[0], size_check(L, 2, "left"), (enum vn_end)luaL_checkinteger(L, 3), userdata_check(L, 1, KIND_VERDICT)->thing);
	return 0;
}

/* verdict:edit(at, bytes): the message's bytes at hand, from `at` on, in place. */
static int edit_call(lua_State *L)
{
	struct vm *p = vm_of(L);
	const struct vn_event *e = p->arg[0];
	struct vn_verdict *v = userdata_check(L, 1, KIND_VERDICT)->thing;
	lua_Integer at = luaL_checkinteger(L, 2);
	struct vn_span bytes = bytes_check(L, 3);

	if (at < 1 || (uint64_t)at > e->len || bytes.n > e->len - (size_t)at + 1)
		return luaL_error(L, "edit: expected a place within the %d bytes of event.data", (int)e->len);
	if (!p->before) {
		p->before = xmalloc(e->len);
		if (!p->before)
			return luaL_error(L, "not enough memory");
		memcpy(p->before, e->data, e->len);
	}
	memmove(e->data + at - 1, bytes.p, bytes.n);
	v->dirt.edited = true;
	return 0;
}

const struct field verdict_fields[] = {
	{ "fate", fate_get, fate_set }, { "failure", why_get, why_set }, { "keep", keep_get, keep_set }, { "hold", hold_get, hold_set },
	{ "pace", pace_get }, { "dirt", dirt_get }, { "ends", ends_get, ends_set }, { "after", after_get, after_set },
	{ "refuse", .method = refuse_call }, { "limit", .method = limit_call }, { "edit", .method = edit_call }, { NULL },
};

#define P(thing) ((struct vn_pace *)(thing))

static void rate_get(struct vm *p, void *t)  { size_push(p->L, P(t)->rate); }
static void piece_get(struct vm *p, void *t) { size_push(p->L, P(t)->piece); }
static void vary_get(struct vm *p, void *t)  { size_push(p->L, P(t)->vary); }
static void gap_get(struct vm *p, void *t)   { seconds_push(p->L, P(t)->gap); }
static void rate_set(struct vm *p, void *t)  { P(t)->rate = size_check(p->L, 3, "rate"); }
static void piece_set(struct vm *p, void *t) { P(t)->piece = size_check(p->L, 3, "piece"); }
static void vary_set(struct vm *p, void *t)  { P(t)->vary = size_check(p->L, 3, "vary"); }
static void gap_set(struct vm *p, void *t)   { P(t)->gap = seconds_check(p->L, 3, "gap"); }

const struct field pace_fields[] = {
	{ "rate", rate_get, rate_set }, { "piece", piece_get, piece_set }, { "vary", vary_get, vary_set }, { "gap", gap_get, gap_set }, { NULL },
};

#define D(thing) ((struct vn_dirt *)(thing))

static void junk_get(struct vm *p, void *t)  { size_push(p->L, D(t)->junk); }
static void at_get(struct vm *p, void *t)    { size_push(p->L, D(t)->at); }
static void flips_get(struct vm *p, void *t) { size_push(p->L, D(t)->flips); }
static void junk_set(struct vm *p, void *t)  { D(t)->junk = size_check(p->L, 3, "junk"); }
static void at_set(struct vm *p, void *t)    { D(t)->at = size_check(p->L, 3, "at"); }

static void flips_set(struct vm *p, void *t)
{
	size_t n = size_check(p->L, 3, "flips");

	D(t)->flips = n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

const struct field dirt_fields[] = {
	{ "junk", junk_get, junk_set }, { "at", at_get, at_set }, { "flips", flips_get, flips_set }, { NULL },
};

/* ---- act ---- */

static int act_inside(lua_State *L)
{
	struct vm *p = vm_of(L);

	vm_push_hook(p, HOOK_ACT);
	userdata_push(p, KIND_EVENT, p->arg[0]);
	userdata_push(p, KIND_VERDICT, p->result);
	lua_call(L, 2, 0);
	return 0;
}

void lua_act(const struct vn_event *e, struct vn_verdict *v)
{
	struct vm *p = vm_enter(OWNER(script, behavior, e->self));

	if (!p)
		return;
	p->arg[0] = e;
	p->result = v;
	p->state_ref = e->state;
	p->dice = e->dice;
	if (!vm_run(p, act_inside)) {        /* the message passes as it came */
		*v = (struct vn_verdict){ .keep = VN_ALL };
		if (p->before)
			memcpy(e->data, p->before, e->len);
	}
	p->dice = NULL;
	vm_leave(p);
}
