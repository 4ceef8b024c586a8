/* base64.h - base64, in which etcd's JSON has keys and values. */
#ifndef FLEET_BASE64_H
#define FLEET_BASE64_H

#include <stddef.h>

char *base64_make(const void *bytes, size_t n);         /* to be freed */

/* The bytes with a NUL behind them, to be freed. NULL: it is not base64. */
char *base64_read(const char *text, size_t *n);

#endif
