/* lua_guest.c - the fields of a script's table, checked and copied.
 *
 * spec/registry.c checks every guest. Here is checked only what can be wrong in Lua and not in C. */
#include "plugins/lua_guest.h"

#include <assert.h>
#include <lua5.4/lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "plugins/lua_behavior.h"
#include "plugins/lua_message.h"
#include "plugins/lua_protocol.h"

/* ---- fields of the table on top of the stack ---- */

/* All keys must be known: else a slip of the pen would be silence. */
static void keys_check(lua_State *L, const char *what, const char *const known[])
{
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
		size_t i = 0;
		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			luaL_error(L, "%s: there is no '%s'", what, key);
		lua_pop(L, 1);
	}
}

static const char *text_keep(struct script *s, const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(script_keep(s, n), text, n);
}

/* NULL: it is not there. Numbers and booleans are taken as they would be typed. */
static const char *text_field(lua_State *L, struct script *s, const char *name)
{
	const char *text = NULL;
	int type = lua_getfield(L, -1, name);

	if (type == LUA_TBOOLEAN)
		text = lua_toboolean(L, -1) ? "true" : "false";
	else if (type == LUA_TSTRING || type == LUA_TNUMBER)
		text = text_keep(s, lua_tostring(L, -1));
	else if (type != LUA_TNIL)
		luaL_error(L, "%s: expected a text, got %s", name, luaL_typename(L, -1));
	lua_pop(L, 1);
	return text;
}

static double number_field(lua_State *L, const char *name)
{
	int is = true;
	double d = lua_getfield(L, -1, name) == LUA_TNIL ? 0 : lua_tonumberx(L, -1, &is);

	if (!is)
		luaL_error(L, "%s: expected a number, got %s", name, luaL_typename(L, -1));
	lua_pop(L, 1);
	return d;
}

static bool flag_field(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	bool yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

static bool function_field(lua_State *L, const char *name)
{
	int type = lua_getfield(L, -1, name);

	if (type != LUA_TNIL && type != LUA_TFUNCTION)
		luaL_error(L, "%s: expected a function, got %s", name, luaL_typename(L, -1));
	lua_pop(L, 1);
	return type == LUA_TFUNCTION;
}

/* A word of vaurien.h. Where it is not there, or nil since it is misspelt: `otherwise`. */
static lua_Integer word_field(lua_State *L, const char *name, lua_Integer otherwise, lua_Integer most)
{
	int is = true;
	lua_Integer i = lua_getfield(L, -1, name) == LUA_TNIL ? otherwise : lua_tointegerx(L, -1, &is);

	if (!is || i < 0 || i > most)
		luaL_error(L, "%s: expected one of the words that vaurien.h has for it", name);
	lua_pop(L, 1);
	return i;
}

/* { VN_ON_OPEN, VN_ON_REQUEST }, or one of them, or several with | between. */
static unsigned set_field(lua_State *L, const char *name, unsigned otherwise, unsigned all)
{
	unsigned set = 0;

	if (lua_getfield(L, -1, name) == LUA_TTABLE) {
		for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++, lua_pop(L, 1)) {
			lua_geti(L, -1, i);
			set |= lua_isinteger(L, -1) ? (unsigned)lua_tointeger(L, -1) : ~0u;
		}
	} else {
		set = lua_isnil(L, -1) ? otherwise : lua_isinteger(L, -1) ? (unsigned)lua_tointeger(L, -1) : ~0u;
	}
	if (set & ~all)
		luaL_error(L, "%s: expected a list of the words that vaurien.h has for it", name);
	lua_pop(L, 1);
	return set;
}

/* How many rows the list `name` has; it stays on the stack, if there are any. */
static size_t list_begin(lua_State *L, const char *name, size_t most)
{
	int type = lua_getfield(L, -1, name);
	size_t n = type == LUA_TTABLE ? (size_t)luaL_len(L, -1) : 0;

	if ((type != LUA_TTABLE && type != LUA_TNIL) || n > most)
		luaL_error(L, "%s: expected a list of at most %d, got %s", name, (int)most, luaL_typename(L, -1));
	if (!n)
		lua_pop(L, 1);
	return n;
}

/* The next row, a table, comes to the top of the stack. */
static void list_row(lua_State *L, const char *name, size_t i)
{
	if (lua_geti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
		luaL_error(L, "%s: expected a table for each, got %s", name, luaL_typename(L, -1));
}

/* ---- options ---- */

static const char *const option_keys[] = { "name", "type", "default", "help", "unit", "min", "max", "choices", "rule", NULL };

static const struct { const char *name; vn_nsec unit; } units[] = {
	{ "s", VN_S }, { "ms", VN_MS }, { "us", VN_US }, { "m", 60 * VN_S }, { "h", 3600 * VN_S },
};

static vn_nsec unit_field(lua_State *L, struct script *s, enum vn_opt_type type)
{
	const char *text = text_field(L, s, "unit");

	if (type != VN_OPT_TIME && type != VN_OPT_TABLE)
		return 0;
	for (size_t i = 0; text && i < sizeof units / sizeof units[0]; i++)
		if (!strcmp(units[i].name, text))
			return units[i].unit;
	if (text)
		luaL_error(L, "unit: expected one of s, ms, us, m, h, got '%s'", text);
	return VN_S;
}

static const char *const *choices_field(lua_State *L, struct script *s)
{
	size_t n = list_begin(L, "choices", 100);
	const char **all = script_keep(s, (n + 1) * sizeof *all);

	for (size_t i = 0; i < n; i++) {
		if (lua_geti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(L, "choices: expected a text for each, got %s", luaL_typename(L, -1));
		all[i] = text_keep(s, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	if (n)
		lua_pop(L, 1);
	return all;
}

static void option_read(lua_State *L, struct script *s, struct vn_opt *o, size_t *size)
{
	keys_check(L, "options", option_keys);
	o->name = text_field(L, s, "name");
	o->type = (enum vn_opt_type)word_field(L, "type", VN_OPT_TEXT, VN_OPT_TABLE);
	o->def = text_field(L, s, "default");
	o->help = text_field(L, s, "help");
	o->unit = unit_field(L, s, o->type);
	o->min = number_field(L, "min");
	o->max = number_field(L, "max");
	o->choices = choices_field(L, s);
	o->rule = (enum vn_opt_rule)word_field(L, "rule", VN_OPT_OWN, VN_OPT_TIMES);
	if (o->rule == VN_OPT_OWN) {
		o->offset = *size;
		*size += o->type == VN_OPT_TABLE ? sizeof(struct vn_table) : 8;       /* all others fit */
	}
}

static const struct vn_opt *options_read(lua_State *L, struct script *s, size_t *size)
{
	size_t n = list_begin(L, "options", 100);
	struct vn_opt *all = script_keep(s, (n + 1) * sizeof *all);

	*size = 0;
	for (size_t i = 0; i < n; i++) {
		list_row(L, "options", i);
		option_read(L, s, &all[i], size);
		if (!all[i].name)
			luaL_error(L, "options: expected a name for each");
		lua_pop(L, 1);
	}
	if (n)
		lua_pop(L, 1);
	return n ? all : NULL;
}

/* ---- failures ---- */

static const struct vn_failure *failures_read(lua_State *L, struct script *s)
{
	size_t n = list_begin(L, "failures", 1000);
	struct vn_failure *all = script_keep(s, (n + 1) * sizeof *all);

	for (size_t i = 0; i < n; i++) {        /* a row may have keys of the script's own */
		list_row(L, "failures", i);
		all[i] = (struct vn_failure){
			.name = text_field(L, s, "name"), .code = text_field(L, s, "code"), .text = text_field(L, s, "text"),
			.fits = set_field(L, "fits", VN_IS_COMMAND, ~0u), .moments = set_field(L, "moments", VN_ON_REQUEST, VN_ON_REQUEST | VN_ON_REST),
			.end = (enum vn_end)word_field(L, "ends", VN_STAY, VN_RESET), .number = (uint32_t)number_field(L, "number"),
			.by_name = flag_field(L, "by_name"),
		};
		if (!all[i].name)
			luaL_error(L, "failures: expected a name for each");
		lua_pop(L, 1);
	}
	if (n)
		lua_pop(L, 1);
	return n ? all : NULL;
}

/* ---- the guest ---- */

static const char *const behavior_keys[] = { "name", "help", "options", "on", "direction", "traits", "act", NULL };
static const char *const protocol_keys[] = {
	"name", "help", "options", "server_first", "login", "request", "response", "failures", "fits", "refuse", "word", NULL
};

static void behavior_read(lua_State *L, struct script *s)
{
	struct vn_behavior *b = &s->behavior;

	keys_check(L, "behavior", behavior_keys);
	*b = (struct vn_behavior){ .abi = VAURIEN_ABI, .act = lua_act, .state_size = sizeof(struct state_ref), .forget = state_ref_forget };
	b->name = text_field(L, s, "name");
	b->help = text_field(L, s, "help");
	b->on = set_field(L, "on", 0, 255);
	b->direction = (enum vn_direction)word_field(L, "direction", 0, VN_BOTH);
	b->traits = set_field(L, "traits", 0, VN_TRAIT_WHOLE | VN_TRAIT_LINE);
	b->options = options_read(L, s, &b->opts_size);
	if (!b->on)
		luaL_error(L, "on: expected a list of moments, such as { ON_REQUEST }");
}

static void protocol_read(lua_State *L, struct script *s)
{
	struct vn_protocol *p = &s->protocol;

	keys_check(L, "protocol", protocol_keys);
	*p = (struct vn_protocol){ .abi = VAURIEN_ABI, .state_size = sizeof(struct protocol_state), .forget = state_ref_forget,
	                        .request = lua_request, .response = lua_response,
	                        .fits = lua_fits, .refuse = lua_refuse, .word = lua_word };
	p->name = text_field(L, s, "name");
	p->help = text_field(L, s, "help");
	p->server_first = flag_field(L, "server_first");
	p->login = flag_field(L, "login");
	p->options = options_read(L, s, &p->opts_size);
	p->failures = failures_read(L, s);
	if (!function_field(L, "request") || !function_field(L, "response"))
		luaL_error(L, "expected a function request and a function response");
	if (!function_field(L, "fits"))
		p->fits = NULL;
	function_field(L, "refuse");            /* without it the server is told nothing */
	if (!function_field(L, "word") && p->failures)
		luaL_error(L, "failures: expected a function word that says them");
}

/* What is fixed, as text; to see whether a script that is read again announces the same. */
static char *announcement(const struct script *s)
{
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	const struct vn_opt *o = s->is_protocol ? s->protocol.options : s->behavior.options;

	assert(out);
	fprintf(out, "%d %s %u %u %d %d %d\n", s->is_protocol, s->is_protocol ? s->protocol.name : s->behavior.name, s->behavior.on,
	        s->behavior.traits, s->behavior.direction, s->protocol.server_first, s->protocol.login);
	for (; o && o->name; o++) {
		fprintf(out, "%s %d '%s' %lld %g %g %d", o->name, o->type, o->def ? o->def : "", (long long)o->unit, o->min, o->max, o->rule);
		for (size_t i = 0; o->choices[i]; i++)
			fprintf(out, " '%s'", o->choices[i]);
		fprintf(out, "\n");
	}
	for (const struct vn_failure *f = s->protocol.failures; f && f->name; f++)
		fprintf(out, "%s '%s' '%s' %u %u %d %u %d\n", f->name, f->code ? f->code : "", f->text ? f->text : "", f->fits, f->moments, f->end,
		        f->number, f->by_name);
	fclose(out);
	assert(text);
	return text;
}

void script_read(lua_State *L, struct script *s)
{
	bool acts = function_field(L, "act");

	s->is_protocol = function_field(L, "request") || function_field(L, "response");
	if (acts == s->is_protocol)
		luaL_error(L, "expected a function act, of a behavior, or request and response, of a protocol; found %s", acts ? "both" : "neither");
	if (s->is_protocol)
		protocol_read(L, s);
	else
		behavior_read(L, s);
	if (s->is_protocol ? !s->protocol.name : !s->behavior.name)
		luaL_error(L, "expected a name");
	s->announced = announcement(s);
}
