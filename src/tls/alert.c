/* alert.c - names of TLS alerts, as RFC 8446 has them; labels of metrics. */
#include "tls/alert.h"

#include <stddef.h>
#include <string.h>

/* Those of RFC 8446, and those of older versions that are still sent. */
static const struct { unsigned char number; const char *name; } alerts[] = {
	{ 0, "close_notify" },
	{ 10, "unexpected_message" },
	{ 20, "bad_record_mac" },
	{ 21, "decryption_failed" },
	{ 22, "record_overflow" },
	{ 30, "decompression_failure" },
	{ 40, "handshake_failure" },
	{ 41, "no_certificate" },
	{ 42, "bad_certificate" },
	{ 43, "unsupported_certificate" },
	{ 44, "certificate_revoked" },
	{ 45, "certificate_expired" },
	{ 46, "certificate_unknown" },
	{ 47, "illegal_parameter" },
	{ 48, "unknown_ca" },
	{ 49, "access_denied" },
	{ 50, "decode_error" },
	{ 51, "decrypt_error" },
	{ 60, "export_restriction" },
	{ 70, "protocol_version" },
	{ 71, "insufficient_security" },
	{ 80, "internal_error" },
	{ 86, "inappropriate_fallback" },
	{ 90, "user_canceled" },
	{ 100, "no_renegotiation" },
	{ 109, "missing_extension" },
	{ 110, "unsupported_extension" },
	{ 111, "certificate_unobtainable" },
	{ 112, "unrecognized_name" },
	{ 113, "bad_certificate_status_response" },
	{ 114, "bad_certificate_hash_value" },
	{ 115, "unknown_psk_identity" },
	{ 116, "certificate_required" },
	{ 120, "no_application_protocol" },
};

enum { ALERTS = sizeof alerts / sizeof *alerts };

const char *tls_alert_name(unsigned number)
{
	for (unsigned i = 0; i < ALERTS; i++)
		if (alerts[i].number == number)
			return alerts[i].name;
	return NULL;
}

int tls_alert_number(const char *name)
{
	for (unsigned i = 0; i < ALERTS; i++)
		if (strcmp(alerts[i].name, name) == 0)
			return alerts[i].number;
	return -1;
}

/* ---- labels ---- */

/* Failures that are no alerts. */
static const char *const others[] = { "protocol", "verify", "timeout", "eof", "reset", "refused",
	                              "flood", "injection" };

enum { OTHERS = sizeof others / sizeof *others };

_Static_assert(ALERTS + OTHERS <= TLS_REASONS, "TLS_REASONS is too small");

const char *tls_reason(unsigned i)
{
	return i < OTHERS ? others[i] : i < OTHERS + ALERTS ? alerts[i - OTHERS].name : NULL;
}

unsigned tls_reason_index(const char *label)
{
	for (unsigned i = 0; i < OTHERS + ALERTS; i++)
		if (strcmp(tls_reason(i), label) == 0)
			return i;
	return 0;
}

const char *const tls_versions[TLS_VERSIONS] = { "1.0", "1.1", "1.2", "1.3", "other" };

unsigned tls_version_index(const char *name)
{
	static const char *const names[] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };

	for (unsigned i = 0; i < TLS_VERSIONS - 1; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return TLS_VERSIONS - 1;
}
