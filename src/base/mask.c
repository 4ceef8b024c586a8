/* mask.c - statements with their numbers and quoted texts masked, as these may be secret. */
#include "base/mask.h"

/* Returns the quote that is open after this byte: a quote character, 0 for none, or OPEN. OPEN
 * never ends, because its end is uncertain: SQL dialects differ in backslashes and in $tag$. */
static int quote_next(int quote, bool names, uint8_t c, uint8_t after)
{
	enum { OPEN = 256 };

	if (quote)
		return c == quote ? 0 : c == '\\' ? OPEN : quote;
	if (c == '$' && !(after >= '0' && after <= '9'))
		return OPEN;
	return c == '\'' || (c == '"' && !names) ? c : 0;
}

char mask_next(struct mask *m, uint8_t c, uint8_t after)
{
	bool again = m->masked;

	m->masked = m->quote ? c != m->quote : c >= '0' && c <= '9';
	m->quote = quote_next(m->quote, m->names, c, after);
	if (m->masked)
		return again ? 0 : '?';
	return c < 32 || c > 126 ? ' ' : (char)c;
}
