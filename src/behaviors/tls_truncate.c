/* tls_truncate - a TLS stream that ends without close_notify, as if it were cut. */
#include "vaurien.h"

struct tls_truncate { int64_t after; };

static const struct vn_opt options[] = {
	{ "after", VN_OPT_INT, offsetof(struct tls_truncate, after), "0",
	  "Plain bytes to the client, then the connection ends (FIN), within a record if more "
	  "follow; 0: where the stream ends anyway" },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_truncate *o = e->opts;

	v->tls->truncate = true;
	v->tls->after = (uint64_t)o->after;
}

VN_BEHAVIOR(tls_truncate,
	.help = "Ends the stream to the client without close_notify, at its end or earlier",
	.group = VN_GROUP_TLS,
	.example = "tls_truncate --after 1000",
	.sees = "an unexpected end of the stream; some clients take it for a clean one",
	.options = options, .opts_size = sizeof(struct tls_truncate),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
