/* lua_vm.h - a Lua state with limits on its memory, its instructions and its processor time.
 *
 * A thread that runs scripts has one (lua_instance.c) and touches no other. Lua is touched only
 * inside vm_protect, which catches whatever is thrown. */
#ifndef PLUGINS_LUA_VM_H
#define PLUGINS_LUA_VM_H

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>

#include "base/text.h"
#include "plugins/lua_memory.h"
#include "vaurien.h"

enum {
	STEPS_MAX = 1000000,            /* instructions of one call */
	MS_MAX = 250,                   /* milliseconds of processor time of one call */
	WORK_MAX = 4096,                /* units of work between two looks at the clock ... */
	PATTERN_LOOK = 2048,            /* ... and steps inside patterns */
	USERDATA_KINDS = 16,            /* at most (lua_userdata.h) */
};

struct vm {
	lua_State *L;
	struct lua_memory memory;
	unsigned steps, taken;          /* limit; how many the call has taken ... */
	unsigned pattern_steps;         /* ... and inside patterns, where Lua counts none */
	unsigned pattern_due;           /* at how many of these to look at the clock */
	unsigned stride;                /* instructions until the next look at the clock */
	unsigned work;                  /* units since the last look */
	vn_nsec began, ran;             /* the wall's and the thread's clock at the first look */
	const char *limit;              /* NULL: none was passed. Else its error, as a format: */
	int limit_n;                    /* each further step and look throws it */
	int thrown;                     /* status of the last call, LUA_OK or the kind of error */
	char where[80];                 /* the line that wanted more memory than there is */
	bool stack_grew;                /* since that line was noted */
	uint64_t call;                  /* number of the call: userdata of another call are void */
	int metatables[USERDATA_KINDS]; /* references */
	const char *name;               /* of the script that runs, for `print` */
	struct vn_dice *dice;           /* what math.random draws from; NULL: nothing */
};

static inline struct vm *vm_of(lua_State *L)
{
	return *(struct vm **)lua_getextraspace(L);
}

void vm_open(struct vm *);              /* `*vm` is zero; its state is empty */
void vm_close(struct vm *);

/* Calls `run` in a new call with at most `steps` instructions. False: something was thrown, and
 * vm_error must take it off the stack before the next call. */
bool vm_protect(struct vm *, lua_CFunction run, unsigned steps);

/* What was thrown as a sentence, with file and line. False: the line is not known. */
bool vm_error(struct vm *, char error[ERROR_MAX]);

/* Ends the call under way because it passed a limit: throws `format`, and no pcall stops that.
 * `level`: where to begin to look for the script's line, as in lua_getstack. */
void vm_over(struct vm *, int level, const char *format, int n) __attribute__((noreturn));

/* Looks at the clock, and throws if the call has taken too long. */
void vm_look(struct vm *);

/* To be called by each function that does `n` units of work, 10 to 50 ns each, without an
 * instruction of Lua's. Throws as vm_look does. */
static inline void vm_work(struct vm *vm, unsigned n)
{
	vm->work += n;
	if (vm->work >= WORK_MAX)
		vm_look(vm);
}

#endif
