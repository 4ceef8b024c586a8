/* demo_audit.h - the end of `vaurien demo`: an audit of a small application. */
#ifndef DEMO_AUDIT_H
#define DEMO_AUDIT_H

#include <stdbool.h>

/* Runs the application and `vaurien audit` on it; both have ended when it returns. True: the audit
 * found what it should. */
bool demo_audit(int proxy_port, int http_port);

#endif
