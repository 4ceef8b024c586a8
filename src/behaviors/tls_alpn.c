/* tls_alpn - the server chooses no protocol of the client's list (ALPN), or a wrong one. */
#include "vaurien.h"

struct tls_alpn { const char *choose; };

static bool name_check(const char *name, char *why, size_t room)
{
	static const char text[] = "expected refuse, none, or a name of at most 255 bytes";
	size_t n = 0;

	while (name[n])
		n++;
	for (size_t i = 0; n > 255 && i < room; i++)
		why[i] = i + 1 < room && i < sizeof text ? text[i] : 0;
	return n <= 255;
}

static const struct vn_opt options[] = {
	{ "choose", VN_OPT_TEXT, offsetof(struct tls_alpn, choose), "refuse",
	  "refuse: the alert no_application_protocol; none: no protocol is chosen; else the name "
	  "that is chosen, offered or not", .check = name_check },
	{ 0 }
};

static bool is(const char *text, const char *word)
{
	while (*word && *text == *word)
		text++, word++;
	return *text == *word;
}

/* Nothing is chosen for a client that offers nothing. */
static void act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct tls_alpn *o = e->opts;

	if (!o->choose || is(o->choose, "refuse"))
		v->tls->alpn_refused = true;
	else
		v->tls->alpn = is(o->choose, "none") ? "" : o->choose;
}

VN_BEHAVIOR(tls_alpn,
	.help = "Refuses all that the client offers by ALPN, ignores it, or chooses something else",
	.group = VN_GROUP_TLS,
	.example = "tls_alpn --choose none",
	.sees = "the alert no_application_protocol; or no protocol, or a wrong one, is agreed on",
	.options = options, .opts_size = sizeof(struct tls_alpn),
	.on = VN_ON_HELLO,
	.traits = VN_TRAIT_NEW,
	.act = act)
