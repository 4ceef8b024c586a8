/* lua_memory.h - the memory of a Lua state: limits, and how long its strings are.
 *
 * One instruction of Lua can take as long as its operands are large: it compares whole strings,
 * moves whole stacks, and inserts all keys of a table anew when the table grows. So the stack and
 * the tables have limits of their own, and the state knows whether it has long strings. */
#ifndef PLUGINS_LUA_MEMORY_H
#define PLUGINS_LUA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	MEMORY_MAX = 16 << 20,          /* bytes of a state */
	CHURN_MAX = 64 << 20,           /* bytes that one call may allocate, in all */
	STACK_MAX = 512 << 10,          /* bytes of the stack: 32,768 values */
	KEY = 24,                       /* bytes of a key in a table ... */
	KEYS_MAX = KEY << 15,           /* ... of all: 32,768 keys, besides the table's list */
	LONG = 4096,                    /* bytes from which on a string is long */
	LONG_SIZES = 13,                /* powers of two from there to MEMORY_MAX */
};

struct lua_memory {
	size_t used;                    /* bytes now */
	size_t churn;                   /* bytes allocated by the call under way */
	unsigned long_strings;          /* how many there are ... */
	unsigned of_size[LONG_SIZES];   /* ... from LONG << i bytes on */
	const void *stack;              /* its block; NULL: Lua does not resize it but makes anew */
	bool stack_next;                /* the block that is resized next is the stack */
	size_t last;                    /* size of the last new block */
	int last_kind;                  /* LUA_TUSERDATA and so on; 0: no object */
	size_t box;                     /* size of a userdata that owns a string buffer */
};

void *lua_memory_resize_any(struct lua_memory *, void *old, size_t old_size, size_t size);

/* As lua_Alloc, which says in `old_size` what kind of object is made if `old` is NULL. Short blocks
 * that are freed are most of all calls, and so are short ones that are made. */
static inline void *lua_memory_resize(struct lua_memory *m, void *old, size_t old_size, size_t size)
{
	if (old && !size && old_size < LONG) {
		m->used -= old_size;
		free(old);
		return NULL;
	}
	if (old || !size || size >= LONG || m->used + size > MEMORY_MAX ||
	    m->churn + size > CHURN_MAX)
		return lua_memory_resize_any(m, old, old_size, size);
	void *made = malloc(size);
	if (!made)
		return NULL;
	m->used += size;
	m->churn += size;
	m->last = size;
	m->last_kind = (int)old_size;
	return made;
}

/* No string in the state is as long as that; 0: none is long. */
size_t lua_memory_longest(const struct lua_memory *);

#endif
