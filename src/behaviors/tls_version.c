/* tls_version - a server that speaks one version of TLS and no other. */
#include "vaurien.h"

struct tls_version { const char *only; };

static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3", NULL };

static const struct vn_opt options[] = {
	{ "only", VN_OPT_CHOICE, offsetof(struct tls_version, only), "1.0",
	  "The only version that the server speaks", .choices = versions },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_version *o = e->opts;

	v->tls->only = 0x0301 + (unsigned)(o->only[2] - '0');
}

VN_BEHAVIOR(tls_version,
	.help = "Speaks only one version of TLS, such as an outdated one",
	.group = VN_GROUP_TLS,
	.example = "tls_version --only 1.0",
	.sees = "a client without that version gets the alert protocol_version",
	.options = options, .opts_size = sizeof(struct tls_version),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
