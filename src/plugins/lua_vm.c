/* lua_vm.c - a place to run scripts in, one for each thread: its bounds, what becomes of an error, what scripts keep. */
#include "plugins/lua_vm.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"

struct loaded {                         /* a script in a place */
	unsigned version;               /* of the text that these are from; 0: of none */
	unsigned tried;                 /* the version that was tried last */
	int functions[HOOKS];           /* references */
	int failures, options;          /* likewise: rows; and options as tables, by rule */
	unsigned n_options;             /* of these */
	vn_nsec said;                      /* when an error was last a line in the log */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of the list */
static struct vm *places;
static _Thread_local struct vm *here;

/* ---- bounds ---- */

/* The nearest of the script's own lines, as "own.lua:3: "; nothing where there is none. How long the name is. */
static size_t where_put(lua_State *L, int level, char *where, size_t room)
{
	lua_Debug at;

	for (where[0] = '\0'; lua_getstack(L, level, &at); level++) {
		lua_getinfo(L, "Sl", &at);
		if (at.currentline > 0) {
			snprintf(where, room, "%s:%d: ", at.short_src, at.currentline);
			return strlen(at.short_src);
		}
	}
	return 0;
}

static void *allocate(void *user, void *old, size_t old_size, size_t size)
{
	struct vm *p = user;

	if (!old)
		old_size = 0;           /* it says what is allocated */
	if (!size) {
		free(old);
		p->used -= old_size;
		return NULL;
	}
	bool room = size <= old_size || (p->used - old_size + size <= MEMORY_MAX && p->churn + (size - old_size) <= CHURN_MAX);
	void *made = room ? realloc(old, size) : NULL;
	if (!made) {
		if (p->L)
			where_put(p->L, 0, p->where, sizeof p->where);
		return NULL;
	}
	p->used += size - old_size;
	p->churn += size > old_size ? size - old_size : 0;
	return made;
}

enum { STRIDE = 200,                    /* instructions from look to look */
       FREE = 8 };                      /* library calls before the first */

static void stride_taken(lua_State *L, lua_Debug *at)
{
	struct vm *p = vm_of(L);

	p->taken += STRIDE;
	if (p->over || p->taken >= p->steps)
		vm_over(p, 0, "more than %d steps in one call", (int)p->steps);
	p->looks = p->looks < FREE ? FREE : p->looks;
	vm_look(p);
}

/* From here on each step is one too many, so that no pcall helps. */
void vm_over(struct vm *p, int level, const char *format, int n)
{
	lua_State *L = p->L;
	char where[sizeof p->where];

	where_put(L, level, where, sizeof where);
	p->over = true;
	lua_sethook(L, stride_taken, LUA_MASKCOUNT, 1);
	lua_pushstring(L, where);
	lua_pushfstring(L, format, n);
	lua_concat(L, 2);
	lua_error(L);
	__builtin_unreachable();
}

static vn_nsec clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}

/* A step may compare texts of megabytes, or sort. The thread's own time counts; as it is dear to ask for, that of the
 * wall is asked first, and neither by scripts that are soon done. */
void vm_look(struct vm *p)
{
	vn_nsec now;

	if (p->looks < FREE) {
		p->looks++;
	} else if (p->looks == FREE) {
		p->looks++;
		p->began = clock_now(CLOCK_MONOTONIC);
		p->ran = clock_now(CLOCK_THREAD_CPUTIME_ID);
	} else if ((now = clock_now(CLOCK_MONOTONIC)) - p->began > MS_MAX * VN_MS) {
		if (clock_now(CLOCK_THREAD_CPUTIME_ID) - p->ran > MS_MAX * VN_MS)
			vm_over(p, 0, "more than %d ms in one call", MS_MAX);
		p->began = now - MS_MAX * VN_MS / 2;          /* others had the processor: ask again, though not each time */
	}
}

/* ---- errors: counted, and told once a second ---- */

static void script_fails(struct vm *p, struct script *s, const char *why)
{
	uint64_t errors = atomic_fetch_add_explicit(&s->errors, 1, memory_order_relaxed) + 1;
	struct loaded *l = s->index < p->n_loaded ? &p->loaded[s->index] : NULL;
	vn_nsec now = clock_now(CLOCK_MONOTONIC);

	if (l && l->said && now - l->said < VN_S)
		return;
	if (l)
		l->said = now;
	log_warning("plugin=%s %s=%s errors=%llu: %.400s", s->name, s->speaks ? "protocol" : "behavior",
	            s->speaks ? s->protocol.name : s->behavior.name, (unsigned long long)errors, why);
}

/* What is thrown gets words, and a line if it has none. */
static int vm_named(lua_State *L)
{
	const char *why = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "an error that is no text";
	char where[sizeof ((struct vm *)0)->where];
	size_t n = where_put(L, 1, where, sizeof where);

	if (n && !strncmp(why, where, n + 1))
		where[0] = '\0';
	lua_pushfstring(L, "%s%s", where, why);
	return 1;
}

/* Takes what was thrown off the stack. Memory that is not there is the one thing that is thrown unnamed. */
const char *vm_thrown(struct vm *p, char buffer[ERROR_MAX])
{
	char shown[ERROR_MAX];

	text_printable(lua_tostring(p->L, -1), shown, sizeof shown);
	error_format(buffer, "%s%s", p->thrown == LUA_ERRMEM ? p->where : "", shown);
	lua_settop(p->L, 0);
	return buffer;
}

/* ---- calls ---- */

bool vm_protect(struct vm *p, lua_CFunction run, unsigned steps)
{
	lua_State *L = p->L;

	p->call++;
	p->churn = 0;
	p->over = false;
	p->steps = steps;
	p->taken = p->pattern_steps = p->looks = 0;
	lua_sethook(L, stride_taken, LUA_MASKCOUNT, STRIDE);
	lua_pushcfunction(L, vm_named);
	lua_pushcfunction(L, run);
	p->thrown = lua_pcall(L, 0, 0, 1);
	p->call++;
	if (p->thrown == LUA_OK)
		lua_settop(L, 0);
	return p->thrown == LUA_OK;
}

bool vm_run(struct vm *p, lua_CFunction run)
{
	char why[ERROR_MAX];

	if (vm_protect(p, run, STEPS_MAX))
		return true;
	script_fails(p, p->script, vm_thrown(p, why));
	return false;
}

void vm_leave(struct vm *p)
{
	free(p->before);
	p->before = NULL;
	p->script = NULL;
}

const char *const hook_names[HOOKS] = { "act", "request", "response", "fits", "refuse", "word" };

void vm_push_hook(struct vm *p, enum hook hook)
{
	lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->loaded[p->script->index].functions[hook]);
}

/* What a function returned comes when no line of the script's is at work any more: so the one where it begins is told. */
void vm_returned(struct vm *p, int index, const char *expected)
{
	lua_State *L = p->L;
	const char *got = luaL_tolstring(L, index, NULL);
	lua_Debug at;

	vm_push_hook(p, p->hook);
	lua_getinfo(L, ">S", &at);
	luaL_error(L, "%s:%d: %s: expected %s, got %s", at.short_src, at.linedefined, hook_names[p->hook], expected, got);
	__builtin_unreachable();
}

/* Rules come and go; what was made for those that went is dropped with all others, sometimes. */
void vm_push_options(struct vm *p, uint64_t rule, const void *opts)
{
	enum { MANY = 256 };
	struct loaded *l = &p->loaded[p->script->index];
	lua_State *L = p->L;

	if (l->n_options >= MANY) {
		lua_newtable(L);
		lua_rawseti(L, LUA_REGISTRYINDEX, l->options);
		l->n_options = 0;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, l->options);
	if (lua_rawgeti(L, -1, (lua_Integer)rule) == LUA_TNIL) {
		lua_pop(L, 1);
		options_push(p, opts);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -3, (lua_Integer)rule);
		l->n_options++;
	}
	lua_remove(L, -2);
}

void vm_push_failure(struct vm *p, const struct vn_failure *f)
{
	lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->loaded[p->script->index].failures);
	lua_rawgeti(p->L, -1, f - p->script->protocol.failures + 1);
	lua_remove(p->L, -2);
}

void vm_push_state(struct vm *p)
{
	struct state_ref *k = p->state_ref;

	if (k && k->state) {
		lua_rawgeti(p->L, LUA_REGISTRYINDEX, k->state);
		return;
	}
	lua_newtable(p->L);
	if (k)
		vm_keep(p, &k->state);
}

void vm_keep(struct vm *p, int *ref)
{
	lua_pushvalue(p->L, -1);
	*ref = luaL_ref(p->L, LUA_REGISTRYINDEX);
	p->state_ref->vm = p;
}

void state_ref_forget(void *state)
{
	struct state_ref *k = state;

	if (k->state)
		luaL_unref(k->vm->L, LUA_REGISTRYINDEX, k->state);
	if (k->options)
		luaL_unref(k->vm->L, LUA_REGISTRYINDEX, k->options);
	k->state = k->options = 0;
}

const char *vm_name(struct vm *p, const char *name)
{
	char *to = p->names[p->next_name++ % NAMES];

	snprintf(to, NAME_ROOM, "%s", name);
	return to;
}

/* ---- loading ---- */

static int ref_field(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void functions_drop(lua_State *L, const struct loaded *l)
{
	for (unsigned i = 0; i < HOOKS; i++)
		luaL_unref(L, LUA_REGISTRYINDEX, l->functions[i]);
	luaL_unref(L, LUA_REGISTRYINDEX, l->failures);
	luaL_unref(L, LUA_REGISTRYINDEX, l->options);
}

/* The functions of what is on the stack are called from now on; if anything is thrown, none of them. */
static void functions_take(struct vm *p, struct script *s, unsigned version)
{
	struct loaded *l = &p->loaded[s->index], fresh = *l;
	lua_State *L = p->L;

	for (unsigned i = 0; i < HOOKS; i++)
		fresh.functions[i] = ref_field(L, hook_names[i]);
	fresh.failures = ref_field(L, "failures");
	lua_newtable(L);
	fresh.options = luaL_ref(L, LUA_REGISTRYINDEX);
	fresh.n_options = 0;
	fresh.version = version;
	if (l->version)
		functions_drop(L, l);
	*l = fresh;
}

static int refresh_inside(lua_State *L)
{
	struct vm *p = vm_of(L);
	const char *text = p->arg[0];

	script_run(L, p->script, text);
	functions_take(p, p->script, *(const unsigned *)p->arg[1]);
	return 0;
}

/* Once for each text: if it fails, what was there before stays. */
static void vm_refresh(struct vm *p, struct script *s, unsigned version)
{
	char *text = script_text(s);
	unsigned n = scripts_count();

	if (n > p->n_loaded) {
		p->loaded = xrealloc(p->loaded, n * sizeof *p->loaded);
		memset(p->loaded + p->n_loaded, 0, (n - p->n_loaded) * sizeof *p->loaded);
		p->n_loaded = n;
	}
	p->loaded[s->index].tried = version;
	p->script = s;
	p->arg[0] = text;
	p->arg[1] = &version;
	vm_run(p, refresh_inside);
	free(text);
}

static int open_inside(lua_State *L)
{
	sandbox_open(L);
	userdata_open(L);
	return 0;
}

static struct vm *vm_make(void)
{
	struct vm *p = xcalloc(1, sizeof *p);
	bool good = p && (p->L = lua_newstate(allocate, p));

	assert(good);
	*(struct vm **)lua_getextraspace(p->L) = p;
	good = vm_protect(p, open_inside, STEPS_MAX);
	assert(good);
	pthread_mutex_lock(&lock);
	p->next = places;
	places = p;
	pthread_mutex_unlock(&lock);
	return here = p;
}

struct vm *vm_here(void)
{
	return here ? here : vm_make();
}

struct vm *vm_enter(struct script *s)
{
	struct vm *p = vm_here();
	unsigned version = atomic_load_explicit(&s->version, memory_order_acquire);

	if (s->index >= p->n_loaded || p->loaded[s->index].tried != version)
		vm_refresh(p, s, version);
	p->script = s;
	return p->loaded[s->index].version ? p : NULL;
}

void vms_free(void)
{
	for (struct vm *p = places, *next; p; p = next) {
		next = p->next;
		lua_close(p->L);
		buffer_free(&p->subjects[0]);
		buffer_free(&p->subjects[1]);
		free(p->loaded);
		free(p);
	}
	places = here = NULL;
}
