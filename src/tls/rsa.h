/* rsa.h - the program's RSA key, for passwords that cross a leg without TLS.
 *
 * vn_rsa_seal(), vn_rsa_open() and vn_rsa_public() of vaurien.h use it. */
#ifndef TLS_RSA_H
#define TLS_RSA_H

/* Makes the key if there is none yet: 0.2 s. Control calls it before a proxy needs the key. */
void tls_rsa_prepare(void);

#endif
