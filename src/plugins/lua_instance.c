/* lua_instance.c - a script's functions in this thread, made anew when its text has changed. */
#include "plugins/lua_instance.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/lua_options.h"
#include "plugins/lua_sandbox.h"
#include "plugins/lua_userdata.h"

struct instance {                       /* a script in a thread */
	unsigned version;               /* of the text that these are from; 0: of none */
	unsigned tried;                 /* the version that was tried last */
	int functions[HOOKS];           /* references */
	int failures, options;          /* likewise: rows; and options as tables, by rule */
	unsigned n_options;             /* of these */
	vn_nsec logged;                 /* when the last error was */
};

struct lua_thread {
	struct lua_thread *next;
	struct instance *instances;     /* by script->index */
	unsigned n_instances;
	struct call call;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of the list */
static struct lua_thread *threads;
static _Thread_local struct lua_thread *here;

/* ---- a thread's state ---- */

static int open_inside(lua_State *L)
{
	sandbox_open(L);
	userdata_open(L);
	return 0;
}

static struct lua_thread *thread_new(void)
{
	struct lua_thread *t = xcalloc(1, sizeof *t);

	vm_open(&t->call.vm);
	if (!vm_protect(&t->call.vm, open_inside, STEPS_MAX))
		abort();
	pthread_mutex_lock(&lock);
	t->next = threads;
	threads = t;
	pthread_mutex_unlock(&lock);
	return here = t;
}

static struct lua_thread *thread_here(void)
{
	return here ? here : thread_new();
}

void instances_free(void)
{
	for (struct lua_thread *t = threads, *next; t; t = next) {
		next = t->next;
		vm_close(&t->call.vm);
		buffer_free(&t->call.subjects[0]);
		buffer_free(&t->call.subjects[1]);
		free(t->instances);
		free(t);
	}
	threads = here = NULL;
}

/* ---- calls ---- */

/* Each error counts; one a second is logged. */
static void error_log(struct call *c, const char *why)
{
	struct script *s = c->script;
	uint64_t errors = atomic_fetch_add_explicit(&s->errors, 1, memory_order_relaxed) + 1;
	vn_nsec now = clock_monotonic();

	if (c->instance->logged && now - c->instance->logged < VN_S)
		return;
	c->instance->logged = now;
	log_warning("plugin=%s %s=%s errors=%llu: %.400s", s->name,
	            s->is_protocol ? "protocol" : "behavior",
	            s->is_protocol ? s->protocol.name : s->behavior.name,
	            (unsigned long long)errors, why);
}

/* Of the function that the call is of; 1: of none, as the script's file itself runs. */
static int first_line(struct call *c)
{
	lua_State *L = c->vm.L;
	lua_Debug at = { .linedefined = 1 };

	if (c->instance->version) {
		call_push_hook(c);
		if (lua_isfunction(L, -1))
			lua_getinfo(L, ">S", &at);
		lua_settop(L, 0);
	}
	return at.linedefined;
}

bool call_run(struct call *c, lua_CFunction run)
{
	char why[ERROR_MAX], named[ERROR_MAX];

	if (vm_protect(&c->vm, run, STEPS_MAX))
		return true;
	if (vm_error(&c->vm, why)) {
		error_log(c, why);
	} else {
		error_format(named, "%s:%d: %s", c->script->name, first_line(c), why);
		error_log(c, named);
	}
	return false;
}

void call_end(struct call *c)
{
	free(c->before);
	c->before = NULL;
	c->script = NULL;
	c->vm.dice = NULL;
}

bool script_try(struct script *s, lua_CFunction run, unsigned steps, char error[ERROR_MAX])
{
	struct lua_thread *t = thread_here();

	t->call.script = s;
	t->call.vm.name = s->name;
	bool good = vm_protect(&t->call.vm, run, steps);
	t->call.script = NULL;
	if (!good)
		vm_error(&t->call.vm, error);
	return good;
}

/* ---- an instance is made ---- */

static int field_ref(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void functions_drop(lua_State *L, const struct instance *i)
{
	for (unsigned h = 0; h < HOOKS; h++)
		luaL_unref(L, LUA_REGISTRYINDEX, i->functions[h]);
	luaL_unref(L, LUA_REGISTRYINDEX, i->failures);
	luaL_unref(L, LUA_REGISTRYINDEX, i->options);
}

/* Take the functions of the table at index 1. If anything throws, the old ones stay. */
static void functions_take(lua_State *L, struct instance *i, unsigned version)
{
	struct instance fresh = *i;

	for (unsigned h = 0; h < HOOKS; h++)
		fresh.functions[h] = field_ref(L, hook_names[h]);
	fresh.failures = field_ref(L, "failures");
	lua_newtable(L);
	fresh.options = luaL_ref(L, LUA_REGISTRYINDEX);
	fresh.n_options = 0;
	fresh.version = version;
	if (i->version)
		functions_drop(L, i);
	*i = fresh;
}

static int refresh_inside(lua_State *L)
{
	struct call *c = call_of(L);

	sandbox_run(L, c->script->name, c->arg[0]);
	functions_take(L, c->instance, *(const unsigned *)c->arg[1]);
	return 0;
}

static struct instance *instance_of(struct lua_thread *t, const struct script *s)
{
	unsigned n = s->index + 1;

	if (n > t->n_instances) {
		t->instances = xrealloc(t->instances, n * sizeof *t->instances);
		memset(t->instances + t->n_instances, 0,
		       (n - t->n_instances) * sizeof *t->instances);
		t->n_instances = n;
	}
	return &t->instances[s->index];
}

/* Once for each version: if it fails, the old functions stay. */
static void instance_refresh(struct call *c, unsigned version)
{
	char *text = script_text(c->script);

	c->instance->tried = version;
	c->arg[0] = text;
	c->arg[1] = &version;
	call_run(c, refresh_inside);
	free(text);
}

struct call *call_begin(struct script *s)
{
	struct lua_thread *t = thread_here();
	unsigned version = atomic_load_explicit(&s->version, memory_order_acquire);

	t->call.script = s;
	t->call.instance = instance_of(t, s);
	t->call.vm.name = s->name;
	if (t->call.instance->tried != version)
		instance_refresh(&t->call, version);
	return t->call.instance->version ? &t->call : NULL;
}

/* ---- what a call pushes and keeps ---- */

void call_push_hook(struct call *c)
{
	lua_rawgeti(c->vm.L, LUA_REGISTRYINDEX, c->instance->functions[c->hook]);
}

/* The function has returned, so no line of the script runs: the error names its first line. */
void call_returned(struct call *c, int index, const char *expected)
{
	lua_State *L = c->vm.L;
	const char *got = luaL_tolstring(L, index, NULL);
	lua_Debug at;

	call_push_hook(c);
	lua_getinfo(L, ">S", &at);
	luaL_error(L, "%s:%d: %s: expected %s, got %s", at.short_src, at.linedefined,
	           hook_names[c->hook], expected, got);
	__builtin_unreachable();
}

/* Rules come and go; nothing tells when one went, so all tables are dropped when there are many. */
void call_push_options(struct call *c, uint64_t rule, const void *values)
{
	enum { MANY = 256 };
	struct instance *i = c->instance;
	lua_State *L = c->vm.L;

	if (i->n_options >= MANY) {
		lua_newtable(L);
		lua_rawseti(L, LUA_REGISTRYINDEX, i->options);
		i->n_options = 0;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, i->options);
	if (lua_rawgeti(L, -1, (lua_Integer)rule) == LUA_TNIL) {
		lua_pop(L, 1);
		options_push(L, script_options(c->script), values);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -3, (lua_Integer)rule);
		i->n_options++;
	}
	lua_remove(L, -2);
}

void call_push_failure(struct call *c, const struct vn_failure *f)
{
	lua_rawgeti(c->vm.L, LUA_REGISTRYINDEX, c->instance->failures);
	lua_rawgeti(c->vm.L, -1, f - c->script->protocol.failures + 1);
	lua_remove(c->vm.L, -2);
}

void call_push_state(struct call *c)
{
	struct state_ref *r = c->state_ref;

	if (r && r->state) {
		lua_rawgeti(c->vm.L, LUA_REGISTRYINDEX, r->state);
		return;
	}
	lua_newtable(c->vm.L);
	if (r)
		call_keep(c, &r->state);
}

void call_keep(struct call *c, int *ref)
{
	lua_pushvalue(c->vm.L, -1);
	*ref = luaL_ref(c->vm.L, LUA_REGISTRYINDEX);
	c->state_ref->L = c->vm.L;
}

void state_ref_forget(void *state)
{
	struct state_ref *r = state;

	if (r->state)
		luaL_unref(r->L, LUA_REGISTRYINDEX, r->state);
	if (r->options)
		luaL_unref(r->L, LUA_REGISTRYINDEX, r->options);
	r->state = r->options = 0;
}

const char *call_name(struct call *c, const char *name)
{
	char *to = c->names[c->next_name++ % NAMES];

	snprintf(to, NAME_ROOM, "%s", name);
	return to;
}
