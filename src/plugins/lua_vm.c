/* lua_vm.c - limits of a Lua state, and what is thrown in it as sentences. */
#include "plugins/lua_vm.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void *allocate(void *user, void *old, size_t old_size, size_t size)
{
	struct vm *vm = user;

	if (!old)
		old_size = 0;           /* Lua passes the kind of object in it */
	if (!size) {
		free(old);
		vm->used -= old_size;
		return NULL;
	}
	size_t more = size > old_size ? size - old_size : 0;
	bool room = !more || (vm->used + more <= MEMORY_MAX && vm->churn + more <= CHURN_MAX);
	void *made = room ? realloc(old, size) : NULL;
	if (!made) {
		if (vm->L)
			where_put(vm->L, 0, vm->where, sizeof vm->where);
		return NULL;
	}
	vm->used += size - old_size;
	vm->churn += more;
	return made;
}

enum { STRIDE = 200,                    /* instructions from look to look */
       FREE = 8 };                      /* looks of a call before it reads a clock */

static void stride_taken(lua_State *L, lua_Debug *at)
{
	struct vm *vm = vm_of(L);

	vm->taken += STRIDE;
	if (vm->over || vm->taken >= vm->steps)
		vm_over(vm, 0, "more than %d steps in one call", (int)vm->steps);
	vm->looks = vm->looks < FREE ? FREE : vm->looks;
	vm_look(vm);
}

/* From here on each instruction is one too many, so no pcall helps. */
void vm_over(struct vm *vm, int level, const char *format, int n)
{
	lua_State *L = vm->L;
	char where[sizeof vm->where];

	where_put(L, level, where, sizeof where);
	vm->over = true;
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

/* The thread's processor time counts. Its clock is a system call, so that of the wall is read
 * first, and neither by calls that are soon done. */
void vm_look(struct vm *vm)
{
	vn_nsec now;

	if (vm->looks < FREE) {
		vm->looks++;
	} else if (vm->looks == FREE) {
		vm->looks++;
		vm->began = clock_now(CLOCK_MONOTONIC);
		vm->ran = clock_now(CLOCK_THREAD_CPUTIME_ID);
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
const char *vm_error(struct vm *vm, char error[ERROR_MAX])
{
	char shown[ERROR_MAX];

	text_printable(lua_tostring(vm->L, -1), shown, sizeof shown);
	error_format(error, "%s%s", vm->thrown == LUA_ERRMEM ? vm->where : "", shown);
	lua_settop(vm->L, 0);
	return error;
}

/* ---- calls ---- */

bool vm_protect(struct vm *vm, lua_CFunction run, unsigned steps)
{
	lua_State *L = vm->L;

	vm->call++;
	vm->churn = 0;
	vm->over = false;
	vm->steps = steps;
	vm->taken = vm->pattern_steps = vm->looks = 0;
	lua_sethook(L, stride_taken, LUA_MASKCOUNT, STRIDE);
	lua_pushcfunction(L, error_named);
	lua_pushcfunction(L, run);
	vm->thrown = lua_pcall(L, 0, 0, 1);
	vm->call++;
	if (vm->thrown == LUA_OK)
		lua_settop(L, 0);
	return vm->thrown == LUA_OK;
}

void vm_open(struct vm *vm)
{
	lua_State *L = lua_newstate(allocate, vm);

	assert(L);
	*(struct vm **)lua_getextraspace(L) = vm;
	vm->L = L;
}

void vm_close(struct vm *vm)
{
	lua_close(vm->L);
}
