/* flaw.h - certificates that are wrong in one way each. */
#ifndef TLS_FLAW_H
#define TLS_FLAW_H

#include <stdbool.h>

struct ssl_st;

extern const char *const tls_flaw_names[];      /* ends with NULL */

/* In the client hello callback of a client leg whose certificate is minted: shows a certificate,
 * and a chain if need be, with just this flaw, for the server name ("": the default leaf's names).
 * It also makes the handshake a full one. False: it cannot be made. */
bool tls_leaf_flawed(struct ssl_st *, const char *flaw, const char *name);

#endif
