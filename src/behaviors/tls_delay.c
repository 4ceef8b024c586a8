/* tls_delay - a slow TLS handshake. */
#include "vaurien.h"

struct tls_delay {
	const char *at, *distribution;
	vn_nsec sleep, jitter;
	struct vn_table percentiles;
};

static const struct vn_opt options[] = {
	{ "sleep", VN_OPT_TIME, offsetof(struct tls_delay, sleep), "1",
	  "Delay of the handshake", VN_S },
	{ "at", VN_OPT_CHOICE, offsetof(struct tls_delay, at), "client_hello",
	  "Where it waits: before the answer to the request for TLS, or to the ClientHello, or "
	  "after the ServerHello, or before the server's Finished", .choices = vn_tls_places },
	{ "jitter", VN_OPT_TIME, offsetof(struct tls_delay, jitter), "0",
	  "Variation of sleep: a limit (uniform) or a standard deviation (the others)", VN_S },
	{ "distribution", VN_OPT_CHOICE, offsetof(struct tls_delay, distribution), "uniform",
	  "Distribution of the jitter", .choices = vn_dice_distributions },
	{ "percentiles", VN_OPT_TABLE, offsetof(struct tls_delay, percentiles), NULL,
	  "Delays by percentile, instead of sleep and jitter", VN_S },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_delay *o = e->opts;

	v->tls->late = vn_tls_place_of(o->at);
	v->tls->hold = vn_dice_time(e->dice, o->sleep, o->jitter, o->distribution,
	                            &o->percentiles);
}

VN_BEHAVIOR(tls_delay,
	.help = "Delays TLS handshakes",
	.group = VN_GROUP_TLS,
	.example = "tls_delay --sleep 3s",
	.sees = "a connect that takes longer, by the given time",
	.options = options, .opts_size = sizeof(struct tls_delay),
	.on = VN_ON_OPEN | VN_ON_HELLO,
	.needs = "sleep jitter percentiles", .without = "no handshake will be late",
	.traits = VN_TRAIT_NEW,
	.act = act)
