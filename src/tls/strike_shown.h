/* strike_shown.h - what a struct vn_tls shows a client: certificate, version, ciphers, ALPN.
 *
 * It is set on the SSL within the client hello callback, and OpenSSL does the rest. */
#ifndef TLS_STRIKE_SHOWN_H
#define TLS_STRIKE_SHOWN_H

#include <openssl/ssl.h>

#include "vaurien.h"

/* The alert that answers the ClientHello. -1: none does. */
int strike_alert(const struct vn_tls *);

/* False: it cannot be done, and the log says why. */
bool strike_shown(SSL *, const struct vn_tls *, const char *name);

#endif
