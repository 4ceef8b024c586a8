/* secret.h - memory for keys and passwords: not in core dumps, zeroed when it is freed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

/* Zeroed; pages of its own. The program ends if there is no memory. */
void *secret_make(size_t n);
void secret_free(void *, size_t n);     /* the same n; NULL is ignored */
void secret_free_unused(void *, size_t n, size_t used);         /* only so many were written */

#endif
