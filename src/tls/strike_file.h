/* strike_file.h - certificates that rules show from files: read by control, shown by workers.
 *
 * A file is read when an option names it: vn_tls_certificate_check(). What was read last counts,
 * for all rules that name it, until the program ends. */
#ifndef TLS_STRIKE_FILE_H
#define TLS_STRIKE_FILE_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* Shows the certificate, the chain and the key of this file. False: OpenSSL does not take them. */
bool strike_file_show(SSL *, const char *file);

#endif
