/* wipe.h - while a key is parsed, this thread zeroes all that OpenSSL frees.
 *
 * Its decoders free copies of private keys as they are, and a core dump would have them. */
#ifndef TLS_WIPE_H
#define TLS_WIPE_H

void wipe_begin(void);
void wipe_end(void);

#endif
