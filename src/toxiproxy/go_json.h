/* go_json.h - JSON as Go's decoder reads it and its encoder writes it, errors word by word: clients have come to rely on both. */
#ifndef TOXIPROXY_GO_JSON_H
#define TOXIPROXY_GO_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { GO_ERROR = 512 };                /* room for one error */

/* The first value of a text; what stands behind it does not matter. Keys are as they came, of equal ones the last counts. NULL:
 * `error` says what Go would. */
json_t *go_read(const char *text, size_t n, char error[GO_ERROR]);

/* A key's value, whatever the case of its letters; NULL: not there, or null, which is the same. */
const json_t *go_get(const json_t *object, const char *key);

/* It is not of the type that Go's struct has. Always false. `what`: "Go struct field Proxy.name of type string" */
bool go_mismatch(const json_t *value, const char *what, char error[GO_ERROR]);

double go_float32(double);              /* the number that Go shows for it */

char *go_write(const json_t *, size_t *n);      /* to be freed */

#endif
