/* ca.c - the routes of the program's own CA: its certificate, and its list of revoked ones. */
#include <string.h>

#include "api/router.h"
#include "base/memory.h"
#include "tls/ca.h"

/* Makes the CA if there is none yet. False: it was answered. */
static bool ca_there(struct request *r)
{
	char error[ERROR_MAX];

	if (tls_ca_make(error))
		return true;
	request_error(r, 500, "tls_dir", "", error);
	return false;
}

static void get_certificate(struct request *r)
{
	if (!ca_there(r))
		return;
	char *text = xstrdup(tls_ca_pem());
	request_answer_text(r, 200, "application/x-pem-file", text, strlen(text));
}

/* DER, as RFC 2585 has it. */
static void get_list(struct request *r)
{
	size_t n;

	if (!ca_there(r))
		return;
	char *bytes = tls_ca_list(&n);
	if (bytes)
		request_answer_text(r, 200, "application/pkix-crl", bytes, n);
	else
		request_error(r, 500, "ca.crl", "", "the list cannot be signed");
}

static const struct route routes[] = {
	{ "GET", "/ca.pem", get_certificate, false },
	{ "GET", "/ca.crl", get_list,        false },
	{ NULL },
};

DIALECT(ca, .routes = routes)
