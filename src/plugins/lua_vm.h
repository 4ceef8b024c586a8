/* lua_vm.h - a Lua state with limits on its memory, its instructions and its processor time.
 *
 * A thread that runs scripts has one (lua_instance.c) and touches no other. Lua is touched only
 * inside vm_protect, which catches whatever is thrown. */
#ifndef PLUGINS_LUA_VM_H
#define PLUGINS_LUA_VM_H

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>

#include "base/text.h"
#include "vaurien.h"

enum {
	MEMORY_MAX = 16 << 20,          /* bytes of a state */
	CHURN_MAX = 64 << 20,           /* bytes that one call may allocate, in all */
	STEPS_MAX = 1000000,            /* instructions of one call */
	MS_MAX = 250,                   /* milliseconds of processor time of one call */
	USERDATA_KINDS = 16,            /* at most (lua_userdata.h) */
};

struct vm {
	lua_State *L;
	size_t used, churn;             /* bytes: now; allocated by the call under way */
	unsigned steps, taken;          /* limit; how many the call has taken ... */
	unsigned pattern_steps;         /* ... and inside patterns, where Lua counts none */
	unsigned looks;                 /* at the clock, by the call under way */
	vn_nsec began, ran;             /* what the wall's and the thread's clock read at first */
	bool over;                      /* a limit was passed: each further step throws */
	int thrown;                     /* status of the last call, LUA_OK or the kind of error */
	char where[80];                 /* the line that wanted more memory than there is */
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

/* What was thrown as a sentence, with file and line where there is one. Returns `error`. */
const char *vm_error(struct vm *, char error[ERROR_MAX]);

/* Ends the call under way because it passed a limit: throws `format`, and no pcall stops that.
 * `level`: where to begin to look for the script's line, as in lua_getstack. */
void vm_over(struct vm *, int level, const char *format, int n) __attribute__((noreturn));

/* Looks at the clock: to be called before what may take long and is no instruction of Lua's. */
void vm_look(struct vm *);

#endif
