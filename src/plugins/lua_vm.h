/* lua_vm.h - behaviors and protocols as Lua scripts: what the files beside this one share.
 *
 *   script      a file, and the guest it announces; one for the whole program
 *   vm          a Lua state; one for each thread that asks a script, made when it first does
 *   userdata    a thing of ours that a script holds: an event, a verdict, bytes. Good for one call
 *
 * Nothing of Lua's is touched but inside vm_run, which catches whatever is thrown. */
#ifndef PLUGINS_LUA_VM_H
#define PLUGINS_LUA_VM_H

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <stdatomic.h>

#include "spec/option.h"
#include "base/buffer.h"

enum {
	MEMORY_MAX = 16 << 20,          /* bytes of a place */
	CHURN_MAX = 64 << 20,           /* bytes that one call may ask for, in all */
	STEPS_MAX = 1000000,            /* instructions of one call */
	MS_MAX = 250,                   /* of a processor, for one call */
	NAMES = 64, NAME_ROOM = 64,
};

/* ---- scripts ---- */

enum hook { HOOK_ACT, HOOK_REQUEST, HOOK_RESPONSE, HOOK_FITS, HOOK_REFUSE, HOOK_WORD, HOOKS };     /* a script's functions */
extern const char *const hook_names[HOOKS];

struct script {
	struct script *next;
	unsigned index;                 /* in a place's list */
	char *file;                     /* its real path ... */
	const char *name;               /* ... and the last part of it */
	bool speaks;                    /* a protocol; else a behavior */
	struct vn_behavior behavior;
	struct vn_protocol protocol;
	struct kept *kept;              /* memory of both, and of their tables */
	char *announced;                /* what cannot change while the program runs, as text */
	char *text; size_t text_size;   /* under the lock */
	_Atomic unsigned version;       /* of the text */
	_Atomic uint64_t errors;
};

void *script_keep(struct script *, size_t size);        /* zeroed; goes with the script */

void script_run(lua_State *, const struct script *, const char *text);  /* leaves what it returns, a table, as the one thing on the stack */
char *script_text(struct script *);                     /* as it is now; a copy */
unsigned scripts_count(void);

/* What a script's file returned, on top of the stack, becomes its guest. Throws a sentence. */
void script_read(lua_State *, struct script *);

/* ---- places ---- */

enum kind { KIND_EVENT, KIND_VERDICT, KIND_PACE, KIND_DIRT, KIND_DICE, KIND_MESSAGE, KIND_MAKING, KIND_SEQUEL, KIND_TALK,
            KIND_OUT, KIND_TEXTS, KIND_BYTES, KINDS };    /* of boxes */

struct state_ref { struct vm *vm; int state, options; };       /* a guest's `state`: references to Lua tables, made when asked for */

struct protocol_state { struct state_ref state_ref; char notice[160]; struct vn_message sequel; };    /* a protocol's `state` */

struct vm {
	lua_State *L;
	struct vm *next;
	size_t used, churn;             /* bytes: now; asked for by the call under way */
	unsigned steps, taken;          /* that it may take, and has taken ... */
	unsigned pattern_steps;         /* ... and inside of patterns, where Lua counts none */
	unsigned looks; vn_nsec began, ran;        /* at the clock: how many, and what two of them said at first */
	bool over;                      /* it has taken more */
	int thrown;                     /* what kind of error, or LUA_OK */
	char where[80];                 /* the line that asked for more memory than there is */
	uint64_t call;                  /* boxes of another call are void */
	struct loaded *loaded; unsigned n_loaded;       /* by script->index */
	int kinds[KINDS];                 /* boxes' metatables, as references */
	/* the call under way */
	struct script *script;
	enum hook hook;
	const void *opts;
	struct state_ref *state_ref;
	struct vn_dice *dice;
	const void *arg[4];             /* what the guest was called with ... */
	void *result;                   /* ... and where its answer goes */
	uint8_t *before; size_t before_n;       /* bytes that were edited, as they came; else NULL */
	struct vn_buffer subjects[2];         /* a message's and its sequel's, where a script made them itself */
	char names[NAMES][NAME_ROOM]; unsigned next_name;
};

static inline struct vm *vm_of(lua_State *L)
{
	return *(struct vm **)lua_getextraspace(L);
}

struct vm *vm_here(void);                         /* this thread's */
void vms_free(void);

/* Call one of the script's functions in this thread's place: `run` pushes the function and its arguments and calls it.
 * NULL: the script cannot be run here. False: something was thrown. Either has been counted, and told in the log. */
struct vm *vm_enter(struct script *);             /* until vm_leave */
bool vm_run(struct vm *, lua_CFunction run);
void vm_leave(struct vm *);
bool vm_protect(struct vm *, lua_CFunction run, unsigned steps);  /* the same for whatever else; what was thrown is left ... */
const char *vm_thrown(struct vm *, char why[ERROR_MAX]);           /* ... for this one to take */
void vm_over(struct vm *, int level, const char *format, int n) __attribute__((noreturn));    /* it took too long: throws, and so does what comes */
void vm_look(struct vm *);                        /* at the clock: before what may be long, and is no step of Lua's */
void vm_push_hook(struct vm *, enum hook);        /* of the script under way; nil where it has none */
void vm_returned(struct vm *, int index, const char *expected) __attribute__((noreturn));      /* it returned something else: throws */
void vm_push_options(struct vm *, uint64_t rule, const void *opts);       /* of a rule; the same table each time */
void vm_push_failure(struct vm *, const struct vn_failure *);        /* its row, as the script wrote it */
void vm_push_state(struct vm *);
void vm_keep(struct vm *, int *ref);              /* what is on the stack, for as long as the guest's state is there */
const char *vm_name(struct vm *, const char *);   /* a copy that outlives the call by some more calls */
void state_ref_forget(void *state);

/* ---- what a script finds ---- */

void sandbox_open(lua_State *);                         /* the libraries */
void sandbox_push(lua_State *);                         /* a new environment for a script */

/* ---- boxes ---- */

struct userdata { uint64_t call; void *thing; size_t n; };   /* n: of bytes */

struct field {
	const char *name;
	void (*get)(struct vm *, void *thing);       /* pushes one value */
	void (*set)(struct vm *, void *thing);       /* the value is argument 3 */
	lua_CFunction method;
};

extern const struct field event_fields[], verdict_fields[], pace_fields[], dirt_fields[], dice_fields[], message_fields[],
                          making_fields[], sequel_fields[], talk_fields[], out_fields[], texts_fields[], bytes_fields[];

void userdata_open(lua_State *);                           /* their metatables */
struct userdata *userdata_push(struct vm *, enum kind, const void *thing);
struct userdata *userdata_check(lua_State *, int argument, enum kind);    /* throws where it is none, or of another call */
void options_push(struct vm *, const void *opts);    /* the script's own, as a new table */

void bytes_push(struct vm *, struct vn_span);           /* nil where it has no address */
struct vn_span bytes_check(lua_State *, int argument);     /* bytes, or a string */
void bytes_open(lua_State *);                           /* what their metatable has besides */

int pattern_find_call(lua_State *), pattern_match_call(lua_State *), pattern_gmatch_call(lua_State *), pattern_gsub_call(lua_State *);

/* numbers as scripts have them: seconds, sizes; clamped to what ours can be */
vn_nsec seconds_check(lua_State *, int argument, const char *what);
size_t size_check(lua_State *, int argument, const char *what);
void seconds_push(lua_State *, vn_nsec);

/* ---- guests ---- */

void lua_act(const struct vn_event *, struct vn_verdict *);
struct vn_cut lua_request(struct vn_session *, struct vn_span, struct vn_message *);
struct vn_cut lua_response(struct vn_session *, struct vn_span, const struct vn_message *asked, struct vn_message *);
bool lua_fits(struct vn_session *, const struct vn_message *, const struct vn_failure *);
int  lua_refuse(struct vn_session *, const struct vn_message *, const struct vn_failure *, struct vn_buffer *backend);
void lua_word(struct vn_session *, const struct vn_message *asked, const struct vn_failure *, struct vn_buffer *client);

/* ---- for plugin.c ---- */

bool script_load(const char *real, char error[ERROR_MAX]);       /* ... and its guest is announced */
uint64_t script_errors(const char *real);                       /* 0 where it is no script */
void scripts_reload(void);              /* each file anew; one that is wrong, or announces something else, stays as it was */
void scripts_free(void);                /* when no thread asks any more */

#endif
