/* report_html_text.c - texts in HTML and SVG. */
#include "audit/report_html_text.h"

#include <string.h>

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
