/* lua_guest.c - the fields of a script's table, checked and copied.
 *
 * The registry checks every guest. Checked here is only what can be wrong in Lua and not in C. */
#include "plugins/lua_guest.h"

#include <assert.h>
#include <lua5.4/lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugins/lua_behavior.h"
#include "plugins/lua_message.h"
#include "plugins/lua_protocol.h"

/* ---- fields of the table on top of the stack ---- */

/* All keys must be known, so that a misspelled one is an error. */
static void keys_check(lua_State *L, const char *what, const char *const known[])
{
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		bool text = lua_type(L, -2) == LUA_TSTRING;
		const char *key = text ? lua_tostring(L, -2) : luaL_typename(L, -2);
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

/* NULL: there is none. Numbers and booleans become the text that a user would type. */
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

static bool field_given(lua_State *L, const char *name)
{
	bool given = lua_getfield(L, -1, name) != LUA_TNIL;

	lua_pop(L, 1);
	return given;
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

/* A constant of vaurien.h from 0 to `most`; `missing` if there is none. */
static lua_Integer constant_field(lua_State *L, const char *name, lua_Integer missing,
                                  lua_Integer most)
{
	int is = true;
	bool there = lua_getfield(L, -1, name) != LUA_TNIL;
	lua_Integer i = there ? lua_tointegerx(L, -1, &is) : missing;

	if (!is || i < 0 || i > most)
		luaL_error(L, "%s: expected one of the words that vaurien.h has for it", name);
	lua_pop(L, 1);
	return i;
}

/* The bits of the value on top of the stack; all of them if it is no integer. */
static unsigned bits(lua_State *L)
{
	return lua_isinteger(L, -1) ? (unsigned)lua_tointeger(L, -1) : ~0u;
}

/* { ON_OPEN, ON_REQUEST }, or one of them, or several with | between; none but those in `all`. */
static unsigned set_field(lua_State *L, const char *name, unsigned missing, unsigned all)
{
	enum { MOST = 64 };
	unsigned set = 0;

	if (lua_getfield(L, -1, name) == LUA_TTABLE) {
		lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
		set = n > MOST ? ~0u : 0;
		for (lua_Integer i = 1; i <= n && n <= MOST; i++, lua_pop(L, 1)) {
			lua_rawgeti(L, -1, i);
			set |= bits(L);
		}
	} else {
		set = lua_isnil(L, -1) ? missing : bits(L);
	}
	if (set & ~all)
		luaL_error(L, "%s: expected a list of the words that vaurien.h has for it", name);
	lua_pop(L, 1);
	return set;
}

/* Returns how many rows the list `name` has. If there are any, the list stays on the stack. */
static size_t list_begin(lua_State *L, const char *name, size_t most)
{
	int type = lua_getfield(L, -1, name);
	size_t n = type == LUA_TTABLE ? (size_t)luaL_len(L, -1) : 0;

	if ((type != LUA_TTABLE && type != LUA_TNIL) || n > most)
		luaL_error(L, "%s: expected a list of at most %d, got %s", name, (int)most,
		           luaL_typename(L, -1));
	if (!n)
		lua_pop(L, 1);
	return n;
}

/* Push row `i`, which must be a table. */
static void list_row(lua_State *L, const char *name, size_t i)
{
	if (lua_geti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
		luaL_error(L, "%s: expected a table for each, got %s", name, luaL_typename(L, -1));
}

/* ---- options ---- */

static const char *const option_keys[] = {
	"name", "type", "default", "help", "unit", "min", "max", "choices", "rule", NULL
};

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
			luaL_error(L, "choices: expected a text for each, got %s",
			           luaL_typename(L, -1));
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
	o->type = (enum vn_opt_type)constant_field(L, "type", VN_OPT_TEXT, VN_OPT_TABLE);
	o->def = text_field(L, s, "default");
	o->help = text_field(L, s, "help");
	o->unit = unit_field(L, s, o->type);
	o->min = number_field(L, "min");
	o->max = number_field(L, "max");
	if (field_given(L, "min") && !field_given(L, "max"))
		o->max = INFINITY;
	o->choices = choices_field(L, s);
	o->rule = (enum vn_opt_rule)constant_field(L, "rule", VN_OPT_OWN, VN_OPT_TIMES);
	if (o->rule == VN_OPT_OWN) {
		o->offset = *size;
		*size += o->type == VN_OPT_TABLE ? sizeof(struct vn_table) : sizeof(uint64_t);
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

/* A row may have further keys, which only the script reads. */
static struct vn_failure failure_read(lua_State *L, struct script *s)
{
	unsigned moments = VN_ON_REQUEST | VN_ON_REST;

	return (struct vn_failure){
		.name = text_field(L, s, "name"),
		.code = text_field(L, s, "code"),
		.text = text_field(L, s, "text"),
		.fits = set_field(L, "fits", VN_IS_COMMAND, ~0u),
		.moments = set_field(L, "moments", VN_ON_REQUEST, moments),
		.end = (enum vn_end)constant_field(L, "ends", VN_STAY, VN_RESET),
		.number = (uint32_t)number_field(L, "number"),
		.by_name = flag_field(L, "by_name"),
		.no_tls = flag_field(L, "no_tls"),
	};
}

static const struct vn_failure *failures_read(lua_State *L, struct script *s)
{
	size_t n = list_begin(L, "failures", 1000);
	struct vn_failure *all = script_keep(s, (n + 1) * sizeof *all);

	for (size_t i = 0; i < n; i++) {
		list_row(L, "failures", i);
		all[i] = failure_read(L, s);
		if (!all[i].name)
			luaL_error(L, "failures: expected a name for each");
		lua_pop(L, 1);
	}
	if (n)
		lua_pop(L, 1);
	return n ? all : NULL;
}

/* ---- the guest ---- */

static const char *const behavior_keys[] = {
	"name", "help", "options", "on", "direction", "traits", "act", "group", "example", "sees",
	"needs", "without", NULL
};
static const char *const protocol_keys[] = {
	"name", "help", "options", "server_first", "login", "request", "response", "failures",
	"fits", "refuse", "word", NULL
};

static void behavior_read(lua_State *L, struct script *s)
{
	struct vn_behavior *b = &s->behavior;

	keys_check(L, "behavior", behavior_keys);
	*b = (struct vn_behavior){
		.abi = VAURIEN_ABI, .act = lua_act,
		.state_size = sizeof(struct state_ref), .forget = state_ref_forget,
	};
	b->name = text_field(L, s, "name");
	b->help = text_field(L, s, "help");
	b->on = set_field(L, "on", 0, 511);
	b->direction = (enum vn_direction)constant_field(L, "direction", 0, VN_BOTH);
	b->traits = VN_TRAIT_REFUSES |
	            set_field(L, "traits", 0, VN_TRAIT_WHOLE | VN_TRAIT_LINE | VN_TRAIT_REFUSES |
	                                      VN_TRAIT_SPARES | VN_TRAIT_NEW |
	                                      VN_TRAIT_UPGRADE |
	                                      VN_TRAIT_DATAGRAMS |
	                                      VN_TRAIT_ONLY_DATAGRAMS |
	                                      VN_TRAIT_CLOSES_PORT);
	b->needs = text_field(L, s, "needs");
	b->without = text_field(L, s, "without");
	b->options = options_read(L, s, &b->opts_size);
	b->group = (enum vn_group)constant_field(L, "group", VN_GROUP_NONE, VN_GROUP_TLS);
	b->example = text_field(L, s, "example");
	b->sees = text_field(L, s, "sees");
	if (!b->on)
		luaL_error(L, "on: expected a list of moments, such as { ON_REQUEST }");
}

static void protocol_read(lua_State *L, struct script *s)
{
	struct vn_protocol *p = &s->protocol;

	keys_check(L, "protocol", protocol_keys);
	*p = (struct vn_protocol){
		.abi = VAURIEN_ABI, .request = lua_request, .response = lua_response,
		.fits = lua_fits, .refuse = lua_refuse, .word = lua_word,
		.state_size = sizeof(struct protocol_state), .forget = state_ref_forget,
	};
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
	function_field(L, "refuse");            /* without it the server gets nothing instead */
	if (!function_field(L, "word") && p->failures)
		luaL_error(L, "failures: expected a function word that writes them");
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void option_print(FILE *out, const struct vn_opt *o)
{
	fprintf(out, "%s %d '%s' %lld %g %g %d", o->name, o->type, or_empty(o->def),
	        (long long)o->unit, o->min, o->max, o->rule);
	for (size_t i = 0; o->choices[i]; i++)
		fprintf(out, " '%s'", o->choices[i]);
	fprintf(out, "\n");
}

static void failure_print(FILE *out, const struct vn_failure *f)
{
	fprintf(out, "%s '%s' '%s' %u %u %d %u %d %d\n", f->name, or_empty(f->code),
	        or_empty(f->text), f->fits, f->moments, f->end, f->number, f->by_name, f->no_tls);
}

/* All that is fixed while the program runs, as text: scripts_reload compares it. */
static char *announcement(const struct script *s)
{
	const struct vn_behavior *b = &s->behavior;
	const struct vn_protocol *p = &s->protocol;
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert(out);
	fprintf(out, "%d %s %u %u %d %d %d\n", s->is_protocol, s->is_protocol ? p->name : b->name,
	        b->on, b->traits, b->direction, p->server_first, p->login);
	for (const struct vn_opt *o = script_options(s); o && o->name; o++)
		option_print(out, o);
	for (const struct vn_failure *f = p->failures; f && f->name; f++)
		failure_print(out, f);
	fclose(out);
	assert(text);
	return text;
}

void script_read(lua_State *L, struct script *s)
{
	bool acts = function_field(L, "act");

	s->is_protocol = function_field(L, "request") || function_field(L, "response");
	if (acts == s->is_protocol)
		luaL_error(L, "expected a function act, of a behavior, or request and response, "
		           "of a protocol; found %s", acts ? "both" : "neither");
	if (s->is_protocol)
		protocol_read(L, s);
	else
		behavior_read(L, s);
	if (s->is_protocol ? !s->protocol.name : !s->behavior.name)
		luaL_error(L, "expected a name");
	s->announced = announcement(s);
}
