/* tls_corrupt - one record of TLS is spoilt on its way, and its receiver notices. */
#include "vaurien.h"

struct tls_corrupt { const char *what; int64_t nth; };

static const char *const parts[] = { "mac", "length", "type", NULL };

static const struct vn_opt options[] = {
	{ "what", VN_OPT_CHOICE, offsetof(struct tls_corrupt, what), "mac",
	  "The part that is spoilt: the authentication code, the length or the type",
	  .choices = parts },
	{ "nth", VN_OPT_INT, offsetof(struct tls_corrupt, nth), "1",
	  "Which record: they count from 1 when the handshake is done", .min = 1 },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_corrupt *o = e->opts;

	v->tls->corrupt = o->what;
	v->tls->nth = (uint64_t)o->nth;
	v->tls->corrupted = e->direction;
}

VN_BEHAVIOR(tls_corrupt,
	.help = "Spoils one record of TLS to the client; with direction = request, from the client",
	.group = VN_GROUP_TLS,
	.example = "tls_corrupt --nth 2",
	.sees = "the client rejects the record, or gets the alert with which it is rejected",
	.options = options, .opts_size = sizeof(struct tls_corrupt),
	.on = VN_ON_HELLO, .direction = VN_RESPONSE,
	.traits = VN_TRAIT_NEW,
	.act = act)
