/* json.h - helper functions for jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

/* A JSON string of `text`, even if that is not UTF-8. The caller owns the reference. */
json_t *json_text(const char *text);

#endif
