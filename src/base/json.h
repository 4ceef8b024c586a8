/* json.h - small helpers over jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

/* a string of whatever bytes `text` holds; a new reference */
json_t *json_text(const char *text);

#endif
