/* lua_vm.c - limits of a Lua state, and what is thrown in it as sentences. */
#include "plugins/lua_vm.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- limits ---- */

/* Write the script's nearest line, as "own.lua:3: "; nothing where there is none. Returns the
 * length of the file's name. */
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

enum { STRIDE = 200,                    /* instructions from look to look ... */
       HEAVY = 32 << 10,                /* ... but one after an allocation of so many bytes */
       LARGE = 4 << 20 };               /* bytes of a state in which a few steps may take long */

/* An instruction may compare two long strings: the longer they are, the fewer from look to look. */
static unsigned stride_due(const struct vm *vm)
{
	size_t longest = lua_memory_longest(&vm->memory);
	size_t stride = longest ? (size_t)STRIDE * LONG / longest : STRIDE;

	return vm->limit || !stride ? 1 : (unsigned)stride;
}

static void stride_taken(lua_State *L, lua_Debug *at);

static void stride_set(struct vm *vm, unsigned stride)
{
	vm->stride = stride;
	lua_sethook(vm->L, stride_taken, LUA_MASKCOUNT, (int)stride);
}

static void stride_taken(lua_State *L, lua_Debug *at)
{
	struct vm *vm = vm_of(L);
	unsigned due;

	vm->taken += vm->stride;
	if (vm->taken >= vm->steps)
		vm_over(vm, 0, "more than %d steps in one call", (int)vm->steps);
	if ((due = stride_due(vm)) != vm->stride)
		stride_set(vm, due);
	if (vm->stack_grew)
		where_put(L, 0, vm->where, sizeof vm->where);
	vm->stack_grew = false;
	vm_look(vm);
}

static vn_nsec clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * VN_S + t.tv_nsec;
}

static void clock_start(struct vm *vm)
{
	vm->began = clock_now(CLOCK_MONOTONIC);
	vm->ran = clock_now(CLOCK_THREAD_CPUTIME_ID);
}

/* What follows a large allocation may take long: a table that grows inserts all keys anew, in the
 * same instruction. So the clock starts here, and is looked at after that instruction. */
static void allocated_much(struct vm *vm)
{
	if (vm->stride > 1)
		stride_set(vm, 1);
	if (!vm->began)
		clock_start(vm);
}

/* While Lua resizes the stack, nothing can be asked of it, not even the line: that is noted when
 * the stack has grown. */
static void *allocate(void *user, void *old, size_t old_size, size_t size)
{
	struct vm *vm = user;
	bool is_stack = old && old == vm->memory.stack;
	void *made = lua_memory_resize(&vm->memory, old, old_size, size);

	if (made ? size < LONG : !size)
		return made;
	if (!vm->L)
		return made;
	bool is_string = !old && old_size == LUA_TSTRING;
	if (!made && !is_stack)
		where_put(vm->L, 0, vm->where, sizeof vm->where);
	if (made && (is_string || size >= HEAVY))
		allocated_much(vm);
	vm->stack_grew |= made && is_stack;
	return made;
}

void vm_over(struct vm *vm, int level, const char *format, int n)
{
	lua_State *L = vm->L;
	char where[sizeof vm->where];

	if (!vm->limit) {
		vm->limit = format;
		vm->limit_n = n;
		vm->memory.churn = 0;   /* room for the error */
		stride_set(vm, 1);
	}
	vm->work = WORK_MAX;
	where_put(L, level, where, sizeof where);
	lua_pushstring(L, where);
	lua_pushfstring(L, vm->limit, vm->limit_n);
	lua_concat(L, 2);
	lua_error(L);
	__builtin_unreachable();
}

/* The thread's processor time counts. Its clock is a system call, so the wall's clock is read
 * first. A call that is over after a few steps reads none. */
void vm_look(struct vm *vm)
{
	vn_nsec now;

	if (vm->limit)
		vm_over(vm, 0, vm->limit, vm->limit_n);
	vm->work = 0;
	if (!vm->began) {
		clock_start(vm);
	} else if ((now = clock_now(CLOCK_MONOTONIC)) - vm->began > MS_MAX * VN_MS) {
		if (clock_now(CLOCK_THREAD_CPUTIME_ID) - vm->ran > MS_MAX * VN_MS)
			vm_over(vm, 0, "more than %d ms in one call", MS_MAX);
		vm->began = now - MS_MAX * VN_MS / 2;   /* others had the processor: again later */
	}
}

/* ---- errors ---- */

/* The handler of errors: gives what was thrown a text, and a line if it has none. */
static int error_named(lua_State *L)
{
	bool text = lua_type(L, 1) == LUA_TSTRING;
	const char *why = text ? lua_tostring(L, 1) : "an error that is no text";
	char where[sizeof ((struct vm *)0)->where];
	size_t n = where_put(L, 1, where, sizeof where);

	if (n && !strncmp(why, where, n + 1))
		where[0] = '\0';
	lua_pushfstring(L, "%s%s", where, why);
	return 1;
}

/* Lua calls no handler for a lack of memory: `allocate` noted the line. */
bool vm_error(struct vm *vm, char error[ERROR_MAX])
{
	bool no_memory = vm->thrown == LUA_ERRMEM;
	char shown[ERROR_MAX];

	text_printable(lua_tostring(vm->L, -1), shown, sizeof shown);
	error_format(error, "%s%s", no_memory ? vm->where : "", shown);
	lua_settop(vm->L, 0);
	return !no_memory || vm->where[0];
}

/* ---- calls ---- */

bool vm_protect(struct vm *vm, lua_CFunction run, unsigned steps)
{
	lua_State *L = vm->L;

	vm->call++;
	vm->memory.churn = 0;
	vm->limit = NULL;
	vm->where[0] = '\0';
	vm->stack_grew = false;
	vm->steps = steps;
	vm->taken = vm->pattern_steps = vm->work = 0;
	vm->pattern_due = PATTERN_LOOK;
	vm->began = 0;
	if (vm->memory.long_strings || vm->memory.used > LARGE)
		clock_start(vm);
	stride_set(vm, stride_due(vm));
	lua_pushcfunction(L, error_named);
	lua_pushcfunction(L, run);
	vm->thrown = lua_pcall(L, 0, 0, 1);
	vm->call++;
	if (vm->thrown == LUA_OK)
		lua_settop(L, 0);
	return vm->thrown == LUA_OK;
}

/* ---- a state is opened ---- */

/* Learn which block is the stack, and how large a userdata is that owns a string buffer: in it are
 * an address and a size. Ours are larger (struct userdata). The first buffer of a state makes the
 * metatable of all, so that later ones are made right after their userdata. */
static void blocks_learn(struct vm *vm)
{
	struct lua_memory *m = &vm->memory;
	luaL_Buffer first;

	m->stack_next = true;
	lua_checkstack(vm->L, 1000);
	m->stack_next = false;
	lua_newuserdatauv(vm->L, sizeof(void *) + sizeof(size_t), 0);
	m->box = m->last;
	luaL_buffinitsize(vm->L, &first, 2 * LUAL_BUFFERSIZE);
	luaL_pushresultsize(&first, 0);
	lua_settop(vm->L, 0);
}

/* Scripts get no weak tables. With weak keys the collector goes through all of them again for each
 * value that leads to a key. That can take minutes in one step. Lua has no switch for it.
 * It compares names by address, so with other bytes in its own "__mode" no field has that name. */
static void weak_tables_disable(lua_State *L)
{
	static const char name[] = "__mode";
	char *own;

	lua_pushstring(L, name);
	own = (char *)lua_tostring(L, -1);
	if (getentropy(own, sizeof name - 1))
		abort();
	for (size_t i = 0; i < sizeof name - 1; i++)
		own[i] |= (char)0x80;
	lua_pop(L, 1);
}

void vm_open(struct vm *vm)
{
	lua_State *L = lua_newstate(allocate, vm);

	assert(L);
	*(struct vm **)lua_getextraspace(L) = vm;
	vm->L = L;
	blocks_learn(vm);
	weak_tables_disable(L);
}

void vm_close(struct vm *vm)
{
	lua_close(vm->L);
}
