/* lua_instance.h - scripts in this thread: their functions, what they keep, and calls of them.
 *
 * A thread's Lua state and all in it are made when the thread first needs a script, used by that
 * thread only, and freed by instances_free when all threads are joined. */
#ifndef PLUGINS_LUA_INSTANCE_H
#define PLUGINS_LUA_INSTANCE_H

#include "base/buffer.h"
#include "base/loop.h"
#include "plugins/lua_script.h"
#include "plugins/lua_vm.h"

/* References to Lua tables that live as long as a guest's `state`; 0: not made yet. */
struct state_ref { lua_State *L; int state, options; };

enum { NAMES = 64, NAME_ROOM = 64 };

struct call {                           /* the one under way in this thread */
	struct vm vm;                   /* the thread's */
	struct script *script;
	struct instance *instance;      /* of that script */
	enum hook hook;
	struct state_ref *state_ref;
	const void *arg[4];             /* what the guest was called with ... */
	void *result;                   /* ... and where its answer goes */
	uint8_t *before;                /* bytes that were edited, as they came; NULL: none were */
	struct vn_buffer subjects[2];   /* a message's and its sequel's, if the script made them */
	char names[NAMES][NAME_ROOM];   /* call_name's, in turn */
	unsigned next_name;
};

static inline struct call *call_of(lua_State *L)
{
	return OWNER(call, vm, vm_of(L));
}

/* Begins a call of one of the script's functions. NULL: the script cannot run in this thread; that
 * was logged. */
struct call *call_begin(struct script *);

/* Runs `run`, which pushes the function and its arguments and calls it. False: something was
 * thrown; it was counted and logged. */
bool call_run(struct call *, lua_CFunction run);
void call_end(struct call *);

/* These are for functions that call_run runs. */
void call_push_hook(struct call *);             /* the function; nil if the script has none */
void call_push_options(struct call *, uint64_t rule, const void *values); /* one table a rule */
void call_push_failure(struct call *, const struct vn_failure *);       /* the script's own row */
void call_push_state(struct call *);
void call_keep(struct call *, int *ref);        /* the value on top, as long as the state */
const char *call_name(struct call *, const char *);     /* a copy, for NAMES - 1 more of them */

/* Throws: the function returned something else at `index` than it should. */
void call_returned(struct call *, int index, const char *expected) __attribute__((noreturn));

/* For a guest's `forget`: `state` begins with a state_ref. */
void state_ref_forget(void *state);

/* Runs `run` for a script that has no instance yet. False: `error` says why. */
bool script_try(struct script *, lua_CFunction run, unsigned steps, char error[ERROR_MAX]);

void instances_free(void);

#endif
