/* alert.h - names of TLS alerts, as RFC 8446 has them. */
#ifndef TLS_ALERT_H
#define TLS_ALERT_H

/* NULL: it has none. */
const char *tls_alert_name(unsigned number);

/* -1: there is no such alert. */
int tls_alert_number(const char *name);

#endif
