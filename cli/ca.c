/* ca.c - vaurienctl's action on the certificate of Vaurien's own CA. */
#include <string.h>

#include "call.h"

static int ca(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!call_send(c, "GET", "/ca.pem", NULL, &r))
		return FAILED;
	if (r.status != 200) {
		rc = fail_reply(c, &r);
	} else if (!r.text || strncmp(r.text, "-----BEGIN CERTIFICATE-----\n", 28)) {
		rc = fail_foreign(c, r.status);
	} else if (c->json) {
		json_t *body = json_pack("{s:s}", "ca", r.text);
		json_show(body);
		json_decref(body);
	} else {
		fputs(r.text, stdout);
	}
	reply_free(&r);
	return rc;
}

const struct action ca_actions[] = {
	{ "ca", NULL, "print the certificate of vaurien's CA, for its clients", 0, 0,
	  NULL, ca,
	  "Give it to the client under test, not to the machine: who has its key can pretend\n"
	  "to be any server.\n\n"
	  "example:\n"
	  "  vaurienctl ca >ca.pem; curl --cacert ca.pem https://localhost:8443/\n" },
	{ NULL },
};
