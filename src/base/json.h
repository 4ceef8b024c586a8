/* json.h - small helpers over jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

json_t *json_text(const char *text);    /* a string of whatever bytes `text` holds; a new reference */

#endif
