/* verdict.h - operations on verdicts: fold several into one, limit, print. */
#ifndef RULES_VERDICT_H
#define RULES_VERDICT_H

#include "tls/strike.h"
#include "vaurien.h"

/* Adds a verdict, field by field: times are added, otherwise the more severe value wins. */
void verdict_fold(struct vn_verdict *into, const struct vn_verdict *);

/* Adds what a rule does to a handshake: the first one's certificate, alert, version, ciphers, ALPN;
 * times are added; of two ends the harsher. A part that it sets becomes this rule's in `owner`. */
void tls_fold(struct vn_tls *into, const struct vn_tls *, uint64_t owner[TLS_PARTS], uint64_t rule);

/* True if it changes nothing. */
bool verdict_calm(const struct vn_verdict *);

/* Limits each field to its valid range, because a guest may return anything. */
void verdict_clamp(struct vn_verdict *);

/* Formats it for the log. Returns `buffer`. */
const char *verdict_show(const struct vn_verdict *, const struct vn_failure *, char *buffer,
                         size_t size);

#endif
