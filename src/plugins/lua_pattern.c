/* lua_pattern.c - Lua's patterns on texts and on bytes in place, with a bound. Lua's own can take years for a pattern such as
 * ".-.-.-b" without one step that its hook sees; the text is a stranger's. */
#include <ctype.h>
#include <string.h>

#include "lua.h"

enum { CAPTURES = 32, DEEPEST = 200, STEPS = 4 * STEPS_MAX };

enum { OPEN = -1, POSITION = -2 };      /* instead of a capture's length */

struct matching {
	lua_State *L;
	const uint8_t *start, *end;     /* the text */
	const uint8_t *p_end;           /* of the pattern; a NUL stands there */
	unsigned depth, n;
	struct { const uint8_t *at; ptrdiff_t n; } captures[CAPTURES];
};

static void step(struct matching *m)
{
	struct place *p = place_of(m->L);

	if (++p->pattern_steps > STEPS)
		place_over(p, 1, "more than %d steps of patterns in one call", STEPS);
}

/* ---- one character ---- */

static bool class_has(int class, int c)
{
	static const struct { char letter; int (*has)(int); } classes[] = {
		{ 'a', isalpha }, { 'c', iscntrl }, { 'd', isdigit }, { 'g', isgraph }, { 'l', islower }, { 'p', ispunct },
		{ 's', isspace }, { 'u', isupper }, { 'w', isalnum }, { 'x', isxdigit },
	};
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (classes[i].letter == tolower(class))
			return !!classes[i].has(c) != !!isupper(class);
	return class == c;
}

/* Where the item at `p` ends: a character, %x, or [set]. */
static const uint8_t *item_end(struct matching *m, const uint8_t *p)
{
	if (*p == '%') {
		if (p + 1 == m->p_end)
			luaL_error(m->L, "malformed pattern (ends with '%%')");
		return p + 2;
	}
	if (*p != '[')
		return p + 1;
	p += p[1] == '^' ? 2 : 1;
	do {                            /* a ] that comes first stands for itself */
		if (p >= m->p_end)
			luaL_error(m->L, "malformed pattern (missing ']')");
		p += *p == '%' && p + 1 < m->p_end ? 2 : 1;
	} while (*p != ']' || p >= m->p_end);
	return p + 1;
}

/* The set from `p`, a [, to `last`, its ]. */
static bool set_has(const uint8_t *p, const uint8_t *last, int c)
{
	bool without = p[1] == '^';

	for (p += without ? 2 : 1; p < last; p++) {
		if (*p == '%') {
			if (class_has(*++p, c))
				return !without;
		} else if (p[1] == '-' && p + 2 < last) {
			if (*p <= c && c <= p[2])
				return !without;
			p += 2;
		} else if (*p == c) {
			return !without;
		}
	}
	return without;
}

static bool item_has(const uint8_t *p, const uint8_t *p_after, int c)
{
	switch (*p) {
	case '.': return true;
	case '%': return class_has(p[1], c);
	case '[': return set_has(p, p_after - 1, c);
	default:  return *p == c;
	}
}

static bool one(struct matching *m, const uint8_t *s, const uint8_t *p, const uint8_t *p_after)
{
	step(m);
	return s < m->end && item_has(p, p_after, *s);
}

/* ---- the whole: each returns where the match ends, NULL where there is none ---- */

static const uint8_t *match(struct matching *m, const uint8_t *s, const uint8_t *p);

static const uint8_t *longest(struct matching *m, const uint8_t *s, const uint8_t *p, const uint8_t *p_after)
{
	const uint8_t *far = s, *found;

	while (one(m, far, p, p_after))
		far++;
	for (; far >= s; far--)
		if ((found = match(m, far, p_after + 1)))
			return found;
	return NULL;
}

static const uint8_t *shortest(struct matching *m, const uint8_t *s, const uint8_t *p, const uint8_t *p_after)
{
	const uint8_t *found;

	for (;; s++) {
		if ((found = match(m, s, p_after + 1)))
			return found;
		if (!one(m, s, p, p_after))
			return NULL;
	}
}

static const uint8_t *capture_begin(struct matching *m, const uint8_t *s, const uint8_t *p, ptrdiff_t n)
{
	if (m->n == CAPTURES)
		luaL_error(m->L, "too many captures");
	m->captures[m->n].at = s;
	m->captures[m->n++].n = n;
	const uint8_t *found = match(m, s, p);
	m->n -= !found;
	return found;
}

static const uint8_t *capture_end(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	unsigned i = m->n;

	while (i && m->captures[i - 1].n != OPEN)
		i--;
	if (!i)
		luaL_error(m->L, "invalid pattern capture");
	m->captures[i - 1].n = s - m->captures[i - 1].at;
	const uint8_t *found = match(m, s, p);
	if (!found)
		m->captures[i - 1].n = OPEN;
	return found;
}

/* %bxy, from the x at `s` to its y */
static const uint8_t *balanced(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	size_t open = 1;

	if (p + 1 >= m->p_end)
		luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
	if (s == m->end || *s != p[0])
		return NULL;
	for (s++; s < m->end; s++) {
		step(m);
		if (*s == p[1] && !--open)
			return match(m, s + 1, p + 2);
		open += *s == p[0] && p[0] != p[1];
	}
	return NULL;
}

/* %f[set]: between a character outside of it and one inside */
static const uint8_t *frontier(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	if (*p != '[')
		luaL_error(m->L, "missing '[' after '%%f' in pattern");
	const uint8_t *after = item_end(m, p);
	int before = s == m->start ? 0 : s[-1], here = s < m->end ? *s : 0;
	return !set_has(p, after - 1, before) && set_has(p, after - 1, here) ? match(m, s, after) : NULL;
}

static const uint8_t *repeated(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	unsigned i = (unsigned)(*p - '1');

	if (*p == '0' || i >= m->n || m->captures[i].n == OPEN)
		luaL_error(m->L, "invalid capture index %%%d", *p - '0');
	ptrdiff_t n = m->captures[i].n;         /* a position has no text that could stand here again */
	return n != POSITION && m->end - s >= n && !memcmp(s, m->captures[i].at, (size_t)n) ? match(m, s + n, p + 1) : NULL;
}

static const uint8_t *escaped(struct matching *m, const uint8_t *s, const uint8_t *p, bool *mine)
{
	*mine = true;
	if (p[1] == 'b')
		return balanced(m, s, p + 2);
	if (p[1] == 'f')
		return frontier(m, s, p + 2);
	if (isdigit(p[1]))
		return repeated(m, s, p + 1);
	*mine = false;
	return NULL;
}

/* An item without a quantifier only goes on; all else calls what follows it. */
static const uint8_t *match_on(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	for (;;) {
		bool mine = false;
		step(m);
		if (p == m->p_end)
			return s;
		if (*p == '(')
			return p[1] == ')' ? capture_begin(m, s, p + 2, POSITION) : capture_begin(m, s, p + 1, OPEN);
		if (*p == ')')
			return capture_end(m, s, p + 1);
		if (*p == '$' && p + 1 == m->p_end)
			return s == m->end ? s : NULL;
		const uint8_t *found = *p == '%' ? escaped(m, s, p, &mine) : NULL;
		if (mine)
			return found;
		const uint8_t *after = item_end(m, p);
		switch (after < m->p_end ? *after : 0) {
		case '*': return longest(m, s, p, after);
		case '+': return one(m, s, p, after) ? longest(m, s + 1, p, after) : NULL;
		case '-': return shortest(m, s, p, after);
		case '?':
			if (one(m, s, p, after) && (found = match(m, s + 1, after + 1)))
				return found;
			p = after + 1;
			break;
		default:
			if (!one(m, s, p, after))
				return NULL;
			s++;
			p = after;
		}
	}
}

static const uint8_t *match(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	if (++m->depth > DEEPEST)
		luaL_error(m->L, "pattern too complex");
	const uint8_t *found = match_on(m, s, p);
	m->depth--;
	return found;
}

/* ---- what a script calls ---- */

static void matching_init(struct matching *m, lua_State *L, struct span text, struct span pattern)
{
	m->L = L;
	m->start = text.p;
	m->end = text.p + text.n;
	m->p_end = pattern.p + pattern.n;
	m->depth = m->n = 0;
}

static const uint8_t *match_at(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	m->n = m->depth = 0;
	return match(m, s, p);
}

/* The pattern must be a text: behind it stands a NUL. */
static struct span pattern_check(lua_State *L, int argument)
{
	size_t n;
	const char *text = luaL_checklstring(L, argument, &n);

	return (struct span){ (const uint8_t *)text, n };
}

static void capture_push(struct matching *m, unsigned i, const uint8_t *s, const uint8_t *e)
{
	if (i >= m->n && i)
		luaL_error(m->L, "invalid capture index %%%d", i + 1);
	if (i >= m->n)
		lua_pushlstring(m->L, (const char *)s, (size_t)(e - s));
	else if (m->captures[i].n == OPEN)
		luaL_error(m->L, "unfinished capture");
	else if (m->captures[i].n == POSITION)
		lua_pushinteger(m->L, m->captures[i].at - m->start + 1);
	else
		lua_pushlstring(m->L, (const char *)m->captures[i].at, (size_t)m->captures[i].n);
}

/* All captures; without any the whole match, unless `s` is NULL. */
static int captures_push(struct matching *m, const uint8_t *s, const uint8_t *e)
{
	unsigned n = m->n || !s ? m->n : 1;

	luaL_checkstack(m->L, (int)n, "too many captures");
	for (unsigned i = 0; i < n; i++)
		capture_push(m, i, s, e);
	return (int)n;
}

/* Where to begin, from 0; beyond the end: nowhere. */
static size_t start_check(lua_State *L, int argument, size_t n)
{
	lua_Integer i = luaL_optinteger(L, argument, 1);

	if (i < 0)
		i = i < -(lua_Integer)n ? 1 : (lua_Integer)n + i + 1;
	return i > (lua_Integer)n ? i - 1 > (lua_Integer)n ? SIZE_MAX : n : i ? (size_t)i - 1 : 0;
}

static int plain_find(lua_State *L, struct span text, struct span what, size_t from)
{
	const uint8_t *at = what.n ? memmem(text.p + from, text.n - from, what.p, what.n) : text.p + from;

	if (!at)
		lua_pushnil(L);
	else
		lua_pushinteger(L, at - text.p + 1);
	if (at)
		lua_pushinteger(L, at - text.p + (lua_Integer)what.n);
	return at ? 2 : 1;
}

static bool plain(struct span pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (strchr("^$*+?.([%-", pattern.p[i]) && pattern.p[i])
			return false;
	return true;
}

static int search(lua_State *L, bool find)
{
	struct matching m;
	struct span text = bytes_check(L, 1);
	bool exact = find && lua_toboolean(L, 4);
	struct span pattern = exact ? bytes_check(L, 2) : pattern_check(L, 2);
	size_t from = start_check(L, 3, text.n);
	const uint8_t *p = pattern.p, *found;
	bool anchored = pattern.n && *p == '^';

	if (from == SIZE_MAX) {
		lua_pushnil(L);
		return 1;
	}
	if (exact || (find && plain(pattern)))
		return plain_find(L, text, pattern, from);
	matching_init(&m, L, text, pattern);
	for (const uint8_t *s = text.p + from; s <= m.end; s++) {
		if ((found = match_at(&m, s, p + anchored))) {
			if (!find)
				return captures_push(&m, s, found);
			lua_pushinteger(L, s - text.p + 1);
			lua_pushinteger(L, found - text.p);
			return captures_push(&m, NULL, NULL) + 2;
		}
		if (anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

int pattern_find_call(lua_State *L)
{
	return search(L, true);
}

int pattern_match_call(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: text, pattern, where to go on, where the last match ended. */
static int gmatch_next(lua_State *L)
{
	struct matching m;
	struct span text = bytes_check(L, lua_upvalueindex(1)), pattern = pattern_check(L, lua_upvalueindex(2));
	const uint8_t *last = text.p + lua_tointeger(L, lua_upvalueindex(4)), *e;

	matching_init(&m, L, text, pattern);
	for (const uint8_t *s = text.p + lua_tointeger(L, lua_upvalueindex(3)); s <= m.end; s++) {
		if (!(e = match_at(&m, s, pattern.p)) || e == last)
			continue;
		lua_pushinteger(L, e - text.p);
		lua_copy(L, -1, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return captures_push(&m, s, e);
	}
	return 0;
}

int pattern_gmatch_call(lua_State *L)
{
	struct span text = bytes_check(L, 1);
	size_t from = start_check(L, 3, text.n);

	pattern_check(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, from == SIZE_MAX ? (lua_Integer)text.n + 1 : (lua_Integer)from);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* "%1" and "%0" of a text that takes a match's place */
static void replacement_add(struct matching *m, luaL_Buffer *b, const uint8_t *s, const uint8_t *e)
{
	size_t n;
	const char *text = lua_tolstring(m->L, 3, &n);

	for (size_t i = 0; i < n; i++) {
		if (text[i] != '%') {
			luaL_addchar(b, text[i]);
		} else if (text[++i] == '%') {
			luaL_addchar(b, '%');
		} else if (text[i] == '0') {
			luaL_addlstring(b, (const char *)s, (size_t)(e - s));
		} else if (isdigit((unsigned char)text[i])) {
			capture_push(m, (unsigned)(text[i] - '1'), s, e);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(b);
		} else {
			luaL_error(m->L, "invalid use of '%%' in replacement string");
		}
	}
}

static void match_replace(struct matching *m, luaL_Buffer *b, const uint8_t *s, const uint8_t *e)
{
	lua_State *L = m->L;
	int type = lua_type(L, 3);

	if (type == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, captures_push(m, s, e), 1);
	} else if (type == LUA_TTABLE) {
		capture_push(m, 0, s, e);
		lua_gettable(L, 3);
	} else {
		replacement_add(m, b, s, e);
		return;
	}
	if (!lua_toboolean(L, -1)) {            /* it stays */
		lua_pop(L, 1);
		lua_pushlstring(L, (const char *)s, (size_t)(e - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(b);
}

int pattern_gsub_call(lua_State *L)
{
	struct matching m;
	struct span text = bytes_check(L, 1), pattern = pattern_check(L, 2);
	int type = lua_type(L, 3);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)text.n + 1), n = 0;
	bool anchored = pattern.n && *pattern.p == '^';
	const uint8_t *s = text.p, *last = NULL, *e;
	luaL_Buffer b;

	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
	                 "string/function/table");
	matching_init(&m, L, text, pattern);
	luaL_buffinit(L, &b);
	while (n < most) {
		if ((e = match_at(&m, s, pattern.p + anchored)) && e != last) {
			n++;
			match_replace(&m, &b, s, e);
			s = last = e;
		} else if (s < m.end) {
			luaL_addchar(&b, (char)*s++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&b, (const char *)s, (size_t)(m.end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}
