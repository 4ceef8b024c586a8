/* rule_tls.c - rules that break TLS: when they act, and where they can. */
#include "spec/rule_tls.h"

#include <string.h>

#include "base/regex.h"
#include "spec/rule_fields.h"
#include "spec/spec.h"

/* The text of an option; NULL: not given, or the behavior has no such option. */
static const char *text_of(const struct rule_spec *r, const char *option)
{
	const struct vn_opt *o = opt_find(r->behavior->options, option);

	return o && opt_is_text(o) ? *(char **)opt_at(&r->values, o) : NULL;
}

bool rule_at_upgrade(const struct rule_spec *r)
{
	const char *at = r->behavior->on & VN_ON_HELLO ? text_of(r, "at") : NULL;

	return r->behavior->traits & VN_TRAIT_UPGRADE || (at && !strcmp(at, "upgrade"));
}

unsigned rule_never(const struct rule_spec *r)
{
	if (!(r->behavior->on & VN_ON_HELLO))
		return 0;
	return rule_at_upgrade(r) ? VN_ON_HELLO : VN_ON_OPEN;
}

/* The text is "HELLO name alpn": see engine/conn_hello.c. */
const char *rule_finds_no_hello(const struct rule_spec *r)
{
	const struct rule_fields *f = r->fields.opts;
	const char *match = f && rule_on(r) == VN_ON_HELLO ? f->match : NULL;

	return match && regex_never(match, "HELLO ") ? match : NULL;
}

/* A certificate with a flaw is minted, as the good one is. */
static bool flaw_check(const struct rule_spec *r, const struct tls_leg *leg, char error[ERROR_MAX])
{
	const struct vn_opt *flaw = opt_find(r->behavior->options, "flaw");

	if (!flaw || !leg->cert.file || text_of(r, "file"))
		return true;
	error_format(error, "flaw: expected client_tls_cert auto, or a file beside it: only "
	             "certificates of our own CA are made, and client_tls_cert is %.100s",
	             leg->cert.file);
	return false;
}

static bool upgrade_check(const struct rule_spec *r, const struct spec *s, char error[ERROR_MAX])
{
	bool trait = r->behavior->traits & VN_TRAIT_UPGRADE;

	if (!rule_at_upgrade(r) || (s->protocol->tls_start != VN_TLS_IMPLICIT &&
	                            s->client_tls->start != TLS_START_IMPLICIT))
		return true;
	if (trait)
		error_format(error, "name: %s concerns the request for TLS, but TLS of this %s "
		             "proxy begins with the first byte", r->behavior->name,
		             s->protocol->name);
	else
		error_format(error, "at: expected client_hello, server_hello or finished, got "
		             "'upgrade': TLS of this %s proxy begins with the first byte",
		             s->protocol->name);
	return false;
}

bool rule_check_tls(const struct rule_spec *r, const struct spec *s, const char *culprit[1],
                    char error[ERROR_MAX])
{
	if (!(r->behavior->on & VN_ON_HELLO) && !(r->behavior->traits & VN_TRAIT_UPGRADE))
		return true;
	if (!s->client_tls) {
		error_format(error, "%s: expected client_tls on or require", r->behavior->name);
		return rule_blame(culprit, "name");
	}
	if (!flaw_check(r, s->client_tls, error))
		return rule_blame(culprit, "flaw");
	if (!upgrade_check(r, s, error))
		return rule_blame(culprit,
		                  r->behavior->traits & VN_TRAIT_UPGRADE ? "name" : "at");
	return true;
}

bool spec_check_tls(const struct spec *s, const char *culprit[1], char error[ERROR_MAX])
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (!rule_check_tls(&s->rules[i], s, culprit, error))
			return false;
	return true;
}
