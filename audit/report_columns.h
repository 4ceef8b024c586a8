/* report_columns.h - columns of text on a terminal; each is wrapped within its width. */
#ifndef AUDIT_REPORT_COLUMNS_H
#define AUDIT_REPORT_COLUMNS_H

#include <stdio.h>

struct column {
	unsigned at, width;             /* characters; `at` from 0, in rising order */
	const char *text;               /* what a terminal would obey is written as '?' */
	const char *colour;             /* an escape sequence before it; NULL: none */
};

enum { COLUMNS_MAX = 6, SCREEN_WIDTH = 100 };

/* Prints as many lines as the longest column needs. A line breaks behind a semicolon rather than
 * behind any word. */
void columns_print(FILE *, const struct column *, unsigned n);

/* The number of characters of a text, for the width of a column. */
unsigned columns_width(const char *text);

#endif
