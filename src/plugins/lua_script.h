/* lua_script.h - a script: a file, its text, and the behavior or protocol that it announces.
 *
 * One for the whole program. The control thread makes it (lua_loader.c), any thread reads it, and
 * it is freed when no thread runs scripts any more. Only its text and its counter change. */
#ifndef PLUGINS_LUA_SCRIPT_H
#define PLUGINS_LUA_SCRIPT_H

#include <stdatomic.h>

#include "vaurien.h"

/* A script's functions. */
enum hook {
	HOOK_ACT, HOOK_REQUEST, HOOK_RESPONSE, HOOK_FITS, HOOK_REFUSE, HOOK_WORD, HOOKS
};

extern const char *const hook_names[HOOKS];

struct script {
	struct script *next;
	unsigned index;                 /* counted from 0, in the order of loading */
	char *file;                     /* its real path ... */
	const char *name;               /* ... and the last part of it */
	bool is_protocol;               /* else a behavior */
	struct vn_behavior behavior;
	struct vn_protocol protocol;
	struct kept *kept;              /* memory of both, and of their tables */
	char *announced;                /* what cannot change while the program runs, as text */
	char *text;                     /* others than its maker take a copy: script_text */
	_Atomic unsigned version;       /* of the text, from 1 */
	_Atomic uint64_t errors;        /* calls that failed */
};

struct script *script_new(const char *real, char *text);        /* takes the text */
void script_free(struct script *);      /* NULL: nothing */

void *script_keep(struct script *, size_t size);        /* zeroed; freed with the script */

char *script_text(struct script *);     /* the present text; the caller frees it */
void  script_swap_text(struct script *, struct script *fresh);  /* and count a new version */

const struct vn_opt *script_options(const struct script *);     /* the guest's; NULL: none */

#endif
