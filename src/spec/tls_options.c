/* tls_options.c - the options of TLS that a proxy has. */
#include "spec/tls_options.h"

#include <stddef.h>
#include <string.h>

#include "spec/option_json.h"

static const char *const client_modes[] = { "off", "on", "require", NULL };
static const char *const backend_modes[] = { "off", "on", "verify", NULL };
static const char *const starts[] = { "auto", "upgrade", "implicit", NULL };
static const char *const key_types[] = { "ec", "rsa", NULL };
static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3", NULL };
static const char *const verifies[] = { "off", "request", "require", NULL };

#define ROW(name_, type_, field, ...) \
	{ .name = name_, .type = type_, .offset = offsetof(struct tls_options, field), __VA_ARGS__ }
#define TEXT(name_, field, ...) ROW(name_, VN_OPT_TEXT, field, __VA_ARGS__)
#define WORD(name_, field, words, def_, help_) \
	ROW(name_, VN_OPT_CHOICE, field, .choices = words, .def = def_, .help = help_)

const struct vn_opt tls_options[] = {
	WORD("client_tls", client_tls, client_modes, "off",
	     "TLS between clients and the proxy; on: for clients that begin it, the others stay "
	     "plain; require: for all"),
	WORD("client_tls_start", client_start, starts, "auto",
	     "how TLS begins; auto: as the protocol has it; implicit: with the first byte, as in "
	     "SMTPS"),
	TEXT("client_tls_cert", client_cert, .def = "auto",
	     .help = "the proxy's certificate and its chain, a file in PEM; auto: signed by "
	             "Vaurien's own CA, for the name that the client wants"),
	TEXT("client_tls_key", client_key, .def = "auto",
	     .help = "its private key, a file in PEM; auto: in the same file, or Vaurien's own"),
	TEXT("client_tls_names", client_names,
	     .help = "more DNS names and addresses for certificates of Vaurien's CA, with commas"),
	WORD("client_tls_key_type", client_key_type, key_types, "ec",
	     "of certificates of Vaurien's CA: P-256, or RSA with 2048 bits"),
	TEXT("client_tls_alpn", client_alpn,
	     .help = "protocols for ALPN, with commas, the preferred one first; none; not given: "
	             "those of the proxy's protocol"),
	WORD("client_tls_min", client_min, versions, "1.2",
	     "the lowest version; below 1.2 weak keys and ciphers are allowed, too"),
	WORD("client_tls_max", client_max, versions, "1.3", "the highest version"),
	TEXT("client_tls_ciphers", client_ciphers,
	     .help = "cipher suites as OpenSSL writes them, those of 1.3 by their names; not "
	             "given: the library's"),
	WORD("client_tls_verify", client_verify, verifies, "off",
	     "certificates of clients; request: one is verified if it is shown; require: each "
	     "client needs one"),
	TEXT("client_tls_ca", client_ca,
	     .help = "certificates that sign those of clients, a file in PEM"),
	/* the default is that of most protocols: tickets_open() */
	ROW("client_tls_tickets", VN_OPT_INT, client_tickets, .min = 0, .max = TLS_TICKETS_MAX,
	    .def = "1",
	    .help = "tickets of TLS 1.3 per handshake; 0: no session is resumed, in any version; "
	            "not given in postgres: 0"),
	WORD("backend_tls", backend_tls, backend_modes, "off",
	     "TLS between the proxy and the backend; on: with any certificate; verify: its chain "
	     "and its name are verified"),
	WORD("backend_tls_start", backend_start, starts, "auto",
	     "how TLS begins; auto: as the protocol has it; implicit: with the first byte"),
	TEXT("backend_tls_ca", backend_ca, .def = "system",
	     .help = "certificates that sign the backend's, a file in PEM; system: those of this "
	             "machine"),
	TEXT("backend_tls_name", backend_name,
	     .help = "the name that is sent and verified; client: the one that the client sent; "
	             "not given: the host of the backend"),
	TEXT("backend_tls_cert", backend_cert, .def = "none",
	     .help = "a certificate to show to the backend, a file in PEM"),
	TEXT("backend_tls_key", backend_key, .def = "none",
	     .help = "its private key, a file in PEM; none: in the same file"),
	TEXT("backend_tls_alpn", backend_alpn,
	     .help = "protocols to offer, with commas; none; client: those that the client "
	             "offered; not given: those of the proxy's protocol"),
	WORD("backend_tls_min", backend_min, versions, "1.2",
	     "the lowest version; below 1.2 weak keys and ciphers are allowed, too"),
	WORD("backend_tls_max", backend_max, versions, "1.3", "the highest version"),
	TEXT("backend_tls_ciphers", backend_ciphers,
	     .help = "cipher suites, as client_tls_ciphers"),
	ROW("backend_tls_resume", VN_OPT_BOOL, backend_resume, .def = "true",
	    .help = "resume earlier sessions with the backend"),
	{ .name = NULL }
};

static void tickets_open(struct opt_values *b)
{
	((struct tls_options *)b->opts)->client_tickets = TLS_TICKETS_OPEN;
}

void tls_values_init(struct opt_values *b)
{
	opt_values_init(b, tls_options, sizeof(struct tls_options));
	tickets_open(b);
}

const struct tls_options *tls_values(const struct opt_values *b)
{
	return b->opts;
}

void tls_values_tidy(struct opt_values *b)
{
	for (const struct vn_opt *o = tls_options; o->name; o++) {
		const char *text = o->type == VN_OPT_TEXT ? *(char **)opt_at(b, o) : NULL;
		if (text && !*text)
			opt_set_string(b, o, o->def);
	}
}

bool tls_values_set(struct opt_values *b, const struct vn_opt *o, const json_t *value,
                    char error[ERROR_MAX])
{
	if (!opt_set_json(b, o, value, error))
		return false;
	tls_values_tidy(b);
	return true;
}

static bool is_default(const struct opt_values *b, const struct vn_opt *o)
{
	if (o->type == VN_OPT_INT)
		return tls_values(b)->client_tickets == TLS_TICKETS_OPEN;
	return opt_is_default(b, o);
}

void tls_values_show(const struct opt_values *b, json_t *object)
{
	for (const struct vn_opt *o = tls_options; b->opts && o->name; o++)
		if (!is_default(b, o))
			json_object_set_new(object, o->name, opt_to_json(b, o));
}
