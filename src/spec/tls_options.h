/* tls_options.h - the options of TLS that a proxy has: one table, from which flags, keys of files,
 * JSON fields, help and docs follow. */
#ifndef SPEC_TLS_OPTIONS_H
#define SPEC_TLS_OPTIONS_H

#include <jansson.h>

#include "spec/option.h"

struct tls_options {                    /* the values, as they were given */
	const char *client_tls, *client_start, *client_cert, *client_key, *client_names;
	const char *client_key_type, *client_alpn, *client_min, *client_max, *client_ciphers;
	const char *client_verify, *client_ca;
	int64_t client_tickets;         /* TLS_TICKETS_OPEN: the protocol's */
	const char *backend_tls, *backend_start, *backend_ca, *backend_name, *backend_cert;
	const char *backend_key, *backend_alpn, *backend_min, *backend_max, *backend_ciphers;
	bool backend_resume;
};

enum { TLS_TICKETS_OPEN = -1, TLS_TICKETS_MAX = 16 };

extern const struct vn_opt tls_options[];       /* ends with a row without name */

void tls_values_init(struct opt_values *);      /* all defaults */
const struct tls_options *tls_values(const struct opt_values *);

/* Sets one from JSON; "" is the default of a text. False: `error` has a sentence. */
bool tls_values_set(struct opt_values *, const struct vn_opt *, const json_t *,
                    char error[ERROR_MAX]);
void tls_values_tidy(struct opt_values *);      /* texts that are "" become their defaults */

/* Adds those that differ from their defaults to the object. */
void tls_values_show(const struct opt_values *, json_t *object);

#endif
