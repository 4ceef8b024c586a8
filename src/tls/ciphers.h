/* ciphers.h - lists of ciphers as OpenSSL has them, and suites of TLS 1.3 among them. */
#ifndef TLS_CIPHERS_H
#define TLS_CIPHERS_H

#include <stdbool.h>
#include <stddef.h>

/* Copies the suites of TLS 1.3 to `suites`, and all else to `old`; each has room for `room` bytes.
 * False: the list is too long. */
bool tls_ciphers_split(const char *list, char *old, char *suites, size_t room);

#endif
