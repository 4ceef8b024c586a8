/* json.h - helper functions for jansson. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "vaurien.h"

/* A JSON string of `text`, even if that is not UTF-8. The caller owns the reference. */
json_t *json_text(const char *text);

/* Seconds, to the microsecond. */
json_t *json_seconds(vn_nsec);

/* Writes any value, in ASCII, and drops the reference. */
void json_put(FILE *to, json_t *value);

#endif
