/* keylog.h - the log of TLS secrets that --tls-keylog asks for, as NSS and Wireshark read it.
 *
 * One file for all threads. Control opens it before any worker runs, and closes it when none runs.
 * Without it no secret is written anywhere: the variable SSLKEYLOGFILE has no effect. */
#ifndef TLS_KEYLOG_H
#define TLS_KEYLOG_H

#include <stdbool.h>

struct ssl_st;

/* Appends to a regular file, which gets mode 0600. False: errno says why. */
bool tls_keylog_open(const char *file);
void tls_keylog_close(void);

/* The secrets of this SSL are logged, if a log is open. */
void tls_keylog_use(struct ssl_st *);

#endif
