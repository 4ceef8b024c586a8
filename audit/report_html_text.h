/* report_html_text.h - texts in HTML and SVG. */
#ifndef AUDIT_REPORT_HTML_TEXT_H
#define AUDIT_REPORT_HTML_TEXT_H

#include <stdio.h>

/* Writes a text, escaped for elements and for attributes in double quotes. It is cut at 2000
 * characters. */
void html_text(FILE *, const char *text);

/* The same. No line ends between a figure and its unit: "5 s". */
void html_figures(FILE *, const char *text);

#endif
