/* lua_pattern.c - Lua's patterns on strings and on bytes in place, with a limit of steps.
 *
 * Lua's own matcher can take years for a pattern such as ".-.-.-b", and no hook stops it. The text
 * comes from the network. */
#include "plugins/lua_pattern.h"

#include <ctype.h>
#include <string.h>

#include "plugins/lua_vm.h"

enum { DEEPEST = 200, STEPS = 4 * STEPS_MAX };

static void steps_look(struct vm *vm)
{
	if (vm->pattern_steps > STEPS)
		vm_over(vm, 1, "more than %d steps of patterns in one call", STEPS);
	vm->pattern_due = vm->pattern_steps + PATTERN_LOOK;
	if (vm->pattern_due > STEPS)
		vm->pattern_due = STEPS + 1;
	vm_look(vm);
}

static inline void step(struct vm *vm)
{
	if (++vm->pattern_steps >= vm->pattern_due)
		steps_look(vm);
}

void matching_step(struct matching *m, size_t n)
{
	struct vm *vm = vm_of(m->L);

	vm->pattern_steps += n > STEPS ? STEPS : (unsigned)n;
	if (vm->pattern_steps >= vm->pattern_due)
		steps_look(vm);
}

/* A set of many characters takes further steps, as each of them may be compared. */
static inline void set_steps(struct matching *m, const uint8_t *p, const uint8_t *p_after)
{
	if (p_after - p >= 16)
		matching_step(m, (size_t)(p_after - p) / 16);
}

/* ---- one character ---- */

static bool class_has(int class, int c)
{
	static const struct { char letter; int (*has)(int); } classes[] = {
		{ 'a', isalpha }, { 'c', iscntrl }, { 'd', isdigit }, { 'g', isgraph },
		{ 'l', islower }, { 'p', ispunct }, { 's', isspace }, { 'u', isupper },
		{ 'w', isalnum }, { 'x', isxdigit },
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
	step(vm_of(m->L));
	set_steps(m, p, p_after);
	return s < m->end && item_has(p, p_after, *s);
}

/* ---- the whole: each returns where the match ends, NULL where there is none ---- */

static const uint8_t *match(struct matching *m, const uint8_t *s, const uint8_t *p);

static const uint8_t *longest(struct matching *m, const uint8_t *s, const uint8_t *p,
                              const uint8_t *p_after)
{
	const uint8_t *far = s, *found;

	while (one(m, far, p, p_after))
		far++;
	for (; far >= s; far--)
		if ((found = match(m, far, p_after + 1)))
			return found;
	return NULL;
}

static const uint8_t *shortest(struct matching *m, const uint8_t *s, const uint8_t *p,
                               const uint8_t *p_after)
{
	const uint8_t *found;

	for (;; s++) {
		if ((found = match(m, s, p_after + 1)))
			return found;
		if (!one(m, s, p, p_after))
			return NULL;
	}
}

static const uint8_t *capture_begin(struct matching *m, const uint8_t *s, const uint8_t *p,
                                    ptrdiff_t n)
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
		step(vm_of(m->L));
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
	set_steps(m, p, after);
	int before = s == m->start ? 0 : s[-1], here = s < m->end ? *s : 0;
	if (set_has(p, after - 1, before) || !set_has(p, after - 1, here))
		return NULL;
	return match(m, s, after);
}

static const uint8_t *repeated(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	unsigned i = (unsigned)(*p - '1');

	if (*p == '0' || i >= m->n || m->captures[i].n == OPEN)
		luaL_error(m->L, "invalid capture index %%%d", *p - '0');
	ptrdiff_t n = m->captures[i].n;         /* a position has no text that could be repeated */
	matching_step(m, n > 0 ? (size_t)n / 64 : 0);
	if (n == POSITION || m->end - s < n || memcmp(s, m->captures[i].at, (size_t)n))
		return NULL;
	return match(m, s + n, p + 1);
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
		step(vm_of(m->L));
		if (p == m->p_end)
			return s;
		if (*p == '(')
			return p[1] == ')' ? capture_begin(m, s, p + 2, POSITION)
			                   : capture_begin(m, s, p + 1, OPEN);
		if (*p == ')')
			return capture_end(m, s, p + 1);
		if (*p == '$' && p + 1 == m->p_end)
			return s == m->end ? s : NULL;
		const uint8_t *found = *p == '%' ? escaped(m, s, p, &mine) : NULL;
		if (mine)
			return found;
		const uint8_t *after = item_end(m, p);
		set_steps(m, p, after);
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

void matching_init(struct matching *m, lua_State *L, struct vn_span text, struct vn_span pattern)
{
	m->L = L;
	m->start = text.p;
	m->end = text.p + text.n;
	m->p_end = pattern.p + pattern.n;
	m->depth = m->n = 0;
}

const uint8_t *match_at(struct matching *m, const uint8_t *s, const uint8_t *p)
{
	m->n = m->depth = 0;
	return match(m, s, p);
}
