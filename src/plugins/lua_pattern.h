/* lua_pattern.h - one pattern on one text. */
#ifndef PLUGINS_LUA_PATTERN_H
#define PLUGINS_LUA_PATTERN_H

#include <lua5.4/lua.h>
#include <stddef.h>

#include "vaurien.h"

enum { CAPTURES = 32 };

enum { OPEN = -1, POSITION = -2 };      /* instead of a capture's length */

struct matching {
	lua_State *L;
	const uint8_t *start, *end;     /* the text */
	const uint8_t *p_end;           /* of the pattern; a NUL stands there */
	unsigned depth, n;
	struct { const uint8_t *at; ptrdiff_t n; } captures[CAPTURES];
};

/* A NUL must stand behind the pattern. */
void matching_init(struct matching *, lua_State *, struct vn_span text, struct vn_span pattern);

/* Count `n` steps. Throws if the call has taken too many, or too long. */
void matching_step(struct matching *, size_t n);

/* Where the match of the pattern from `p` that begins at `s` ends. NULL: none does. */
const uint8_t *match_at(struct matching *, const uint8_t *s, const uint8_t *p);

#endif
