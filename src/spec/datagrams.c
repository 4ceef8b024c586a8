/* datagrams.c - checks of proxies on udp://: may they have this backend, protocol and rule? */
#include "spec/datagrams.h"

#include "base/suggest.h"
#include "spec/registry.h"

static bool datagrams_backend(const struct spec *s, char error[ERROR_MAX])
{
	char shown[150];
	const char *backend = s->backend.text ?
	                              text_printable(s->backend.text, shown, sizeof shown) :
	                              "";

	if (s->listen.udp && s->backend.unix_path)
		error_format(error, "backend: expected HOST:PORT, as the proxy listens on '%s', "
		             "got '%s'", s->listen.text, backend);
	else if (!s->listen.udp && s->backend.udp)
		error_format(error, "backend: '%s' needs a proxy that listens on udp://, this one "
		             "listens on '%s'", backend, s->listen.text);
	else
		return true;
	return false;
}

static bool datagrams_protocol(const struct spec *s, char error[ERROR_MAX])
{
	char text[150] = "";
	struct name_list known = { text, sizeof text, 0 };
	const struct vn_protocol *const *all;
	size_t n;

	if (!s->listen.udp || !s->protocol->request || s->protocol->datagrams)
		return true;
	all = protocols_all(&n);
	for (size_t i = 0; i < n; i++)
		if (!all[i]->request || all[i]->datagrams)
			name_list_add(&known, all[i]->name);
	name_list_end(&known, "vaurien --list");
	error_format(error, "protocol: %s is no protocol of datagrams, expected one of %s for a "
	             "proxy on udp://", s->protocol->name, text);
	return false;
}

bool datagrams_check(const struct spec *s, const char *culprit[1], char error[ERROR_MAX])
{
	if (!s->listen.text || !s->protocol)
		return true;
	*culprit = "backend";
	if (!datagrams_backend(s, error))
		return false;
	*culprit = "protocol";
	return datagrams_protocol(s, error);
}

bool datagrams_check_rule(const struct spec *s, const struct rule_spec *r, char error[ERROR_MAX])
{
	const struct vn_behavior *b = r->behavior;

	if (!s->listen.udp && b->traits & VN_TRAIT_ONLY_DATAGRAMS)
		error_format(error, "name: %s concerns datagrams, expected a proxy that listens on "
		             "udp://", b->name);
	else if (s->listen.udp && b->on && !(b->traits & VN_TRAIT_DATAGRAMS))
		error_format(error, "name: %s makes no sense on datagrams, and the proxy listens "
		             "on udp://; vaurien --list shows what does", b->name);
	else if (s->listen.udp && b->traits & VN_TRAIT_CLOSES_PORT && !rule_plain(r))
		error_format(error, "name: %s closes the port of a proxy on udp://, expected no "
		             "odds, match, kind, client, open connections or counts beside it",
		             b->name);
	else
		return true;
	return false;
}
