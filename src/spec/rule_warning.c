/* rule_warning.c - what a user should know of a rule that is good, but does nothing or too much. */
#include "spec/rule_warning.h"

#include <string.h>

#include "base/text.h"
#include "spec/rule_tls.h"

const struct vn_opt *rule_needs_next(const struct vn_behavior *b, const char **needs, bool *unknown)
{
	size_t n = strcspn(*needs, " ");

	for (const struct vn_opt *o = b->options; n && o && o->name; o++) {
		if (strlen(o->name) != n || memcmp(o->name, *needs, n))
			continue;
		*needs += n + strspn(*needs + n, " ");
		return o;
	}
	*unknown = n;
	return NULL;
}

/* It is 0, false or not given. */
static bool option_zero(const struct opt_values *v, const struct vn_opt *o)
{
	const void *at = opt_at(v, o);

	switch (o->type) {
	case VN_OPT_BOOL:  return !*(const bool *)at;
	case VN_OPT_REAL:  return *(const double *)at <= 0;
	case VN_OPT_TABLE: return !((const struct vn_table *)at)->n;
	case VN_OPT_INT:
	case VN_OPT_TIME:
	case VN_OPT_INERT: return !*(const int64_t *)at;
	case VN_OPT_TEXT:
	case VN_OPT_CHOICE:
	case VN_OPT_FAILURE:
		break;
	}
	return !*(char *const *)at;
}

static const char *unit_show(vn_nsec unit)
{
	return unit == VN_S ? "0 s" : unit == VN_MS ? "0 ms" : unit == VN_US ? "0 us" : "0";
}

static bool needs_warn(const struct rule_spec *r, char warning[ERROR_MAX])
{
	const struct vn_behavior *b = r->behavior;
	const char *needs = b->needs ? b->needs : "";
	const struct vn_opt *first = NULL, *o;
	bool unknown;

	while ((o = rule_needs_next(b, &needs, &unknown))) {
		if (!option_zero(&r->values, o))
			return false;
		first = first ? first : o;
	}
	if (!first)
		return false;
	bool time = first->type == VN_OPT_TIME;
	error_format(warning, "%s: %s%s, %s; give %s", b->name, time ? "" : first->name,
	             time ? unit_show(first->unit) : first->type == VN_OPT_BOOL ? " is false" :
	                                                                         " is 0",
	             b->without ? b->without : "nothing happens", first->name);
	return true;
}

static bool no_hello_warn(const struct rule_spec *r, char warning[ERROR_MAX])
{
	const char *match = rule_finds_no_hello(r);

	if (match)
		error_format(warning, "match: %s meets TLS handshakes, whose text is 'HELLO name "
		             "alpn', and '%.60s' finds none", r->behavior->name, match);
	return match;
}

bool rule_warning(const struct rule_spec *r, uint64_t open, char warning[ERROR_MAX])
{
	if (needs_warn(r, warning))
		return true;
	if (no_hello_warn(r, warning))
		return true;
	if (r->only_open && !open) {
		error_format(warning, "connections=open: no connection is open, so nothing will "
		             "happen");
		return true;
	}
	if (!(r->behavior->traits & VN_TRAIT_NEW) || !open)
		return false;
	error_format(warning, "%s: concerns new connections; %llu %s open", r->behavior->name,
	             (unsigned long long)open, open == 1 ? "is" : "are");
	return true;
}
