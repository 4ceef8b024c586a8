/* report_html_timeline.h - an experiment's time line. */
#ifndef AUDIT_REPORT_HTML_TIMELINE_H
#define AUDIT_REPORT_HTML_TIMELINE_H

#include <jansson.h>
#include <stdio.h>

enum {
	TIMELINE_WIDTH = 1000,
	TIMELINE_MARK_BYTES = 18,       /* of a mark or a step of a curve, about */
};

/* Writes the time line as SVG. `gap`: pixels between two marks of a lane, at least; it bounds the
 * bytes. Nothing if the experiment was not run. */
void html_timeline(FILE *, const json_t *report, const json_t *experiment, double gap);

#endif
