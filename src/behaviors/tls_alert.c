/* tls_alert - the server answers a ClientHello with a fatal alert. */
#include "vaurien.h"

struct tls_alert { const char *alert; };

static const char *const alerts[] = {
	"handshake_failure", "unexpected_message", "bad_record_mac", "record_overflow",
	"bad_certificate", "unsupported_certificate", "certificate_revoked",
	"certificate_expired", "certificate_unknown", "illegal_parameter", "unknown_ca",
	"access_denied", "decode_error", "decrypt_error", "protocol_version",
	"insufficient_security", "internal_error", "inappropriate_fallback", "user_canceled",
	"missing_extension", "unsupported_extension", "unrecognized_name",
	"bad_certificate_status_response", "unknown_psk_identity", "certificate_required",
	"no_application_protocol", "close_notify", NULL
};

static const struct vn_opt options[] = {
	{ "alert", VN_OPT_CHOICE, offsetof(struct tls_alert, alert), "handshake_failure",
	  "The alert, by its name in RFC 8446", .choices = alerts },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_alert *o = e->opts;

	v->tls->alert = o->alert;
}

VN_BEHAVIOR(tls_alert,
	.help = "Answers TLS handshakes with a fatal alert, and closes the connection",
	.group = VN_GROUP_TLS,
	.example = "tls_alert --alert internal_error",
	.sees = "the handshake fails with that alert",
	.options = options, .opts_size = sizeof(struct tls_alert),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
