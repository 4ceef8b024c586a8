/* alert.h - names of TLS alerts, as RFC 8446 has them; labels of metrics. */
#ifndef TLS_ALERT_H
#define TLS_ALERT_H

/* NULL: it has none. */
const char *tls_alert_name(unsigned number);

/* -1: there is no such alert. */
int tls_alert_number(const char *name);

/* ---- labels: why TLS fails, and versions ---- */

enum { TLS_REASONS = 44, TLS_VERSIONS = 5 };

/* The label with this index. NULL: there is none. */
const char *tls_reason(unsigned index);
unsigned tls_reason_index(const char *label);   /* of "protocol" for one that is not known */

/* "1.3"; the last one is "other". The index is of OpenSSL's name, "TLSv1.3". */
extern const char *const tls_versions[TLS_VERSIONS];
unsigned tls_version_index(const char *name);

#endif
