/* ui.h - the dashboard: the files of ui/, which are part of the program, served at /ui/. */
#ifndef API_UI_H
#define API_UI_H

#include "api/request.h"

struct ui_file {
	const char *name;               /* "app.js" */
	const unsigned char *bytes;
	size_t n;
};

/* Made from ui/ by the Makefile; ends with a row without a name. */
extern const struct ui_file ui_files[];

/* The request is for a file of the page, or a browser's for "/": it needs no token, because the
 * answer has no data. */
bool ui_public(struct request *, const char *method);

/* Sends a browser that requests "/" to the page. False: it is no such request. */
bool ui_redirects(struct request *, const char *method);

#endif
