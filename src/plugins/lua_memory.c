/* lua_memory.c - blocks for a Lua state, counted and limited. */
#include "plugins/lua_memory.h"

#include <lua5.4/lua.h>
#include <string.h>

/* Stands before each block of LONG bytes or more, as Lua does not say what it frees. */
struct head { _Alignas(max_align_t) bool is_string; };

enum { VECTOR = 0 };                    /* what is no object: keys, lists, the stack, buffers */

static size_t head_size(const void *block, size_t size)
{
	return block && size >= LONG ? sizeof(struct head) : 0;
}

static void long_string_count(struct lua_memory *m, size_t size, int change)
{
	unsigned i = 0;

	while (i + 1 < LONG_SIZES && size >= (size_t)LONG << (i + 1))
		i++;
	m->of_size[i] += (unsigned)change;
	m->long_strings += (unsigned)change;
}

size_t lua_memory_longest(const struct lua_memory *m)
{
	for (unsigned i = m->long_strings ? LONG_SIZES : 0; i-- > 0;)
		if (m->of_size[i])
			return (size_t)LONG << (i + 1);
	return 0;
}

static void block_free(struct lua_memory *m, char *old, size_t old_size)
{
	size_t head = head_size(old, old_size);

	if (head && ((struct head *)(old - head))->is_string)
		long_string_count(m, old_size, -1);
	m->used -= old_size;
	free(old ? old - head : NULL);
}

/* Lua does not say what a vector is for, but keys come in powers of two. */
static bool is_keys(size_t size)
{
	size_t n = size / KEY;

	return size % KEY == 0 && !(n & (n - 1));
}

/* Keys always get a new block, and so does the stack in some releases of Lua. A string's buffer may
 * be new, too: it is made right after the userdata that owns it, the only one of its size. */
static bool is_too_large(const struct lua_memory *m, const void *old, size_t size, int kind)
{
	bool is_buffer = m->last_kind == LUA_TUSERDATA && m->last == m->box;

	if (old ? old != m->stack : kind != VECTOR || is_buffer)
		return false;
	return size > (old || !is_keys(size) ? STACK_MAX : KEYS_MAX);
}

static bool has_room(const struct lua_memory *m, size_t more)
{
	return m->used + more <= MEMORY_MAX && m->churn + more <= CHURN_MAX;
}

/* realloc, where each side has a head or none. A block that gets smaller stays if it must. */
static void *block_resize(char *old, size_t old_size, size_t size, bool is_string)
{
	size_t from = head_size(old, old_size), to = size >= LONG ? sizeof(struct head) : 0;
	char *block = old ? old - from : NULL, *made;

	if (to < from)
		memmove(block, old, size);
	made = realloc(block, to + size);
	if (!made && size < old_size)
		made = block;
	if (!made)
		return NULL;
	if (old && to > from)
		memmove(made + to, made, old_size);
	if (to > from)
		((struct head *)made)->is_string = is_string;
	return made + to;
}

/* For the few blocks that are long, or the stack. */
static void *resize_slowly(struct lua_memory *m, void *old, size_t old_size, size_t size, int kind)
{
	bool was_stack = old && (old == m->stack || m->stack_next);
	bool room = size <= old_size || !is_too_large(m, old, size, kind);
	void *made = room ? block_resize(old, old_size, size, kind == LUA_TSTRING) : NULL;

	if (was_stack && made) {
		m->stack = made;
		m->stack_next = false;
	}
	if (kind == LUA_TSTRING && made)
		long_string_count(m, size, 1);
	return made;
}

static void *resize(struct lua_memory *m, void *old, size_t old_size, size_t size, int kind)
{
	size_t more = size > old_size ? size - old_size : 0;
	void *made;

	if (more && !has_room(m, more))
		return NULL;
	if (size < LONG && old_size < LONG && (!old || (old != m->stack && !m->stack_next)))
		made = realloc(old, size);
	else
		made = resize_slowly(m, old, old_size, size, kind);
	if (!made)
		return NULL;
	m->used += size - old_size;
	m->churn += more;
	return made;
}

void *lua_memory_resize_any(struct lua_memory *m, void *old, size_t old_size, size_t size)
{
	if (!size) {
		block_free(m, old, old ? old_size : 0);
		return NULL;
	}
	if (old)
		return resize(m, old, old_size, size, VECTOR);
	void *made = resize(m, NULL, 0, size, (int)old_size);
	m->last = size;
	m->last_kind = (int)old_size;
	return made;
}
