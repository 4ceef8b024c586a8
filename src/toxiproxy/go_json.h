/* go_json.h - JSON as Go's encoding/json reads and writes it.
 *
 * Errors have Go's texts, for clients compare them. */
#ifndef TOXIPROXY_GO_JSON_H
#define TOXIPROXY_GO_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"

enum { GO_ERROR = ERROR_MAX };          /* room for one error text */

/* The first value of a text; the rest is ignored. Keys keep their case; of equal keys the last
 * counts. NULL: `error` has Go's text. */
json_t *go_read(const char *text, size_t n, char error[GO_ERROR]);

/* A key's value, whatever the case of its letters. NULL: it is missing or null. */
const json_t *go_get(const json_t *object, const char *key);

/* The error of a value of the wrong type. Returns false. `what`: "Go struct field Proxy.name of
 * type string" */
bool go_mismatch(const json_t *value, const char *what, char error[GO_ERROR]);

double go_float32(double);              /* the number as Go prints a float32 */

char *go_write(const json_t *, size_t *n);      /* to be freed; n may be NULL */

#endif
