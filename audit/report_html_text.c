/* report_html_text.c - texts in HTML and SVG. */
#include "audit/report_html_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { TEXT_MAX = 2000 };               /* characters */

void html_text(FILE *to, const char *text)
{
	unsigned left = TEXT_MAX;

	for (size_t n; *text; text += n ? n : 1) {
		n = utf8_length(text);
		if (left-- == 0) {
			fputs("…", to);
			return;
		}
		if (!n || (n == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f) &&
		           !strchr("\t\n\r", *text)))
			fputs("\xef\xbf\xbd", to);
		else if (n == 1 && strchr("<>&\"'", *text))
			fprintf(to, "&#%d;", *text);
		else
			fwrite(text, 1, n, to);
	}
}

static bool before_unit(const char *text, const char *space)
{
	static const char *const units[] = { "s", "ms", "min" };

	if (*space != ' ' || space == text || !isdigit((unsigned char)space[-1]))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t n = strlen(units[i]);
		if (!strncmp(space + 1, units[i], n) && !isalnum((unsigned char)space[1 + n]))
			return true;
	}
	return false;
}

void html_figures(FILE *to, const char *text)
{
	char *kept;
	size_t size;
	FILE *copy = xalloced(open_memstream(&kept, &size));

	for (const char *c = text; *c; c++)
		if (before_unit(text, c))
			fputs("\xc2\xa0", copy);        /* a no-break space */
		else
			putc(*c, copy);
	fclose(copy);
	html_text(to, xalloced(kept));
	free(kept);
}
