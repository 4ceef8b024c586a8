/* tls_flags.c - the flags of TLS. */
#include "config/tls_flags.h"

#include <string.h>

#include "base/memory.h"
#include "config/error.h"
#include "spec/tls_options.h"
#include "tls/identity.h"

/* What --help calls the value, by the end of the option's name. */
static const char *value_of(const struct vn_opt *o)
{
	static const struct { const char *end, *value; } words[] = {
		{ "_cert", "FILE" }, { "_key", "FILE" }, { "_ca", "FILE" }, { "_names", "LIST" },
		{ "_alpn", "LIST" }, { "_name", "NAME" }, { "_ciphers", "LIST" },
	};
	size_t n = strlen(o->name);

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t end = strlen(words[i].end);
		if (n > end && !strcmp(o->name + n - end, words[i].end))
			return words[i].value;
	}
	return o->type == VN_OPT_BOOL ? NULL : o->type == VN_OPT_INT ? "N" : "WORD";
}

void tls_flags_add(struct parse *r)
{
	tls_values_init(&r->tls);
	for (const struct vn_opt *o = tls_options; o->name; o++) {
		struct flag *f = flags_add(&r->flags, GROUP_TLS, "", o, &r->tls);
		f->value = value_of(o);
		f->own = true;
	}
}

/* The proxies that are read next may need the CA. */
int tls_globals_read(struct parse *r)
{
	struct settings *s = r->settings;
	const struct flag *keylog = flag_get(&r->flags, "tls-keylog");

	s->tls.dir = r->raw->tls_dir && *r->raw->tls_dir ? xstrdup(r->raw->tls_dir) : NULL;
	s->tls.timeout = r->raw->tls_timeout;
	if (keylog->level && !*r->raw->tls_keylog)
		return flag_error(keylog, "a file", "");
	s->tls.keylog = xstrdup(r->raw->tls_keylog);
	tls_identity_place(s->tls.dir);
	return -1;
}
