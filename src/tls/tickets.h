/* tickets.h - keys of session tickets: the same in all workers, new ones each hour.
 *
 * Control renews them. A context derives its own from them, so that a ticket is good for one proxy
 * and one certificate. The keys of the hour before still open tickets. */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { TICKETS_SECONDS = 3600 };

void tls_tickets_begin(void);           /* control, when a proxy first needs tickets */
void tls_tickets_renew(void);           /* control, every TICKETS_SECONDS from then on */
bool tls_tickets_used(void);

struct ticket_keys;                     /* of one context, used by its worker alone */
struct ticket_keys *ticket_keys_make(const void *label, size_t n);      /* for this context */
void ticket_keys_free(struct ticket_keys *);    /* NULL is ignored */

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb() wants it. */
int ticket_keys_use(struct ticket_keys *, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *, EVP_MAC_CTX *, int seals);

#endif
