/* ca.h - the program's own CA, as others see it. Control only. */
#ifndef TLS_CA_H
#define TLS_CA_H

#include <stddef.h>

#include "base/text.h"

bool tls_ca_make(char error[ERROR_MAX]);        /* if there is none yet */

/* Its certificate's file, an absolute path. NULL: there is no CA so far, or it is in memory. */
const char *tls_ca_path(void);

/* These need the CA. */
const char *tls_ca_pem(void);                   /* its certificate */
char *tls_ca_list(size_t *n);                   /* its CRL in DER; to be freed. NULL: it failed */

#endif
