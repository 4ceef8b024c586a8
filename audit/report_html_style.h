/* report_html_style.h - the style sheet of the HTML report. */
#ifndef AUDIT_REPORT_HTML_STYLE_H
#define AUDIT_REPORT_HTML_STYLE_H

extern const char report_html_style[];

#endif
