/* fields.c - fuzz test of what users write: rules, options of TLS, and files of keys.
 *
 *   input:   KIND BYTES              KIND, one letter:
 *            r TEXT                  a rule, as --rule takes it
 *            b BODY                  a rule, as POST /rules takes it
 *            t BODY                  an object of options of TLS, as POST /proxies takes it
 *            p BYTES                 a file in PEM
 *
 * The test passes if nothing crashes or leaks, and what is rejected is rejected with a sentence.
 * Options that name a file are left out: the test opens no file that the input names. */
#include <jansson.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "own_ca.h"
#include "spec/registry.h"
#include "spec/rule_body.h"
#include "spec/spec.h"
#include "tls/legs.h"
#include "tls/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spec *spec;               /* on which rules are set */

static void expect_sentence(const char *error)
{
	if (!*error)
		abort();
}

static struct spec *spec_begin(void)
{
	struct spec *s = spec_make("fuzz");
	char why[200];

	if (!address_parse(&s->listen, "127.0.0.1:7000", why, sizeof why) ||
	    !address_parse(&s->backend, "127.0.0.1:80", why, sizeof why))
		abort();
	s->protocol = protocol_find("http");
	return s;
}

/* ---- the kinds ---- */

static void rule_text(const char *text)
{
	char error[ERROR_MAX] = "";
	struct spec *to = spec_with_rule(NULL, spec, text, error);

	if (!to)
		expect_sentence(error);
	spec_unref(to);
}

static void rule_body(const json_t *body)
{
	struct rule_mistake m = { .key = NULL };
	json_t *name[1];
	struct spec *to = spec_with_rule_body(spec, body, name, &m);

	if (to)
		json_decref(name[0]);
	else
		expect_sentence(m.error);
	spec_unref(to);
}

static bool names_file(const struct vn_opt *o)
{
	return strstr(o->name, "_cert") || strstr(o->name, "_key") || strstr(o->name, "_ca");
}

static void tls_body(const json_t *body)
{
	struct spec *to = spec_begin();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)body, key, value) {
		const struct vn_opt *o = opt_find(tls_options, key);
		char error[ERROR_MAX] = "";
		if (o && !names_file(o) && !tls_values_set(&to->tls, o, value, error))
			expect_sentence(error);
	}
	tls_values_tidy(&to->tls);
	char error[ERROR_MAX] = "";
	if (!tls_legs_make(to, error))
		expect_sentence(error);
	spec_unref(to);
}

static void pem_bytes(const char *text, size_t n)
{
	struct tls_pem pem = { (char *)"a", (char *)text, n };
	STACK_OF(X509) *chain = NULL;

	pem_has_key(&pem);
	pem_is_encrypted(&pem);
	EVP_PKEY_free(pem_key(&pem));
	X509_free(pem_certificate(&pem, &chain));
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(pem_certificates(text, n), X509_free);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!spec) {
		own_ca_make();
		spec = spec_begin();
	}
	if (!size)
		return 0;
	char *text = xmalloc(size);     /* as long as it is: a byte beyond is seen */
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	json_t *body = strchr("bt", *data) ? json_loadb(text, size - 1, 0, NULL) : NULL;
	if (*data == 'r')
		rule_text(text);
	else if (*data == 'p')
		pem_bytes(text, size - 1);
	else if (*data == 'b' && json_is_object(body))
		rule_body(body);
	else if (*data == 't' && json_is_object(body))
		tls_body(body);
	json_decref(body);
	free(text);
	return 0;
}
