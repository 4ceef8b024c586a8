/* rule_check.c - checks of a finished rule: does it make sense, and for this protocol? */
#include "spec/rule_check.h"

#include <stdio.h>
#include <string.h>

#include "base/regex.h"
#include "base/suggest.h"
#include "net/cidr.h"
#include "spec/datagrams.h"
#include "spec/failure.h"
#include "spec/rule_fields.h"
#include "spec/rule_tls.h"

static const struct rule_fields *fields_of(const struct rule_spec *r)
{
	return r->fields.opts;
}

static bool failure_unknown(const struct vn_protocol *p, const char *option, const char *name,
                            char error[ERROR_MAX])
{
	char shown[40], meant[SUGGEST_MAX], text[150] = "";
	struct name_list known = { text, sizeof text, 0 };
	struct suggestion near = { .word = name };

	for (const struct vn_failure *f = p->failures; f && f->name; f++) {
		if (!f->moments)
			continue;
		suggest_try(&near, f->name);
		name_list_add(&known, f->name);
	}
	name_list_end(&known, "vaurien --list failures");
	if (*text)
		error_format(error, "%s: '%s' is not a failure of %s; expected one of %s%s", option,
		             text_printable(name, shown, sizeof shown), p->name, text,
		             suggest_show(&near, "", meant));
	else
		error_format(error, "%s: %s has no failures; give the proxy another protocol",
		             option, p->name);
	return false;
}

/* A behavior that always sends one failure needs a protocol that has it. */
static bool failure_check(const struct vn_behavior *b, const struct vn_protocol *p,
                           char error[ERROR_MAX])
{
	if (!b->failure || failure_offered(p, b->failure))
		return true;
	error_format(error, "name: %s needs a protocol with the failure '%s', %s has none", b->name,
	             b->failure, p->name);
	return false;
}

bool rule_check_failures(const struct vn_protocol *p, const struct opt_values *b,
                         const char *culprit[1], char error[ERROR_MAX])
{
	for (const struct vn_opt *o = b->options; o && o->name; o++) {
		const char *name = o->type == VN_OPT_FAILURE ? *(char **)opt_at(b, o) : NULL;
		if (name && !failure_offered(p, name)) {
			failure_unknown(p, o->name, name, error);
			return rule_blame(culprit, o->name);
		}
	}
	return true;
}

/* It acts on connections, and on nothing within them. */
static bool rule_of_connections(const struct rule_spec *r)
{
	return rule_on(r) & (VN_ON_OPEN | VN_ON_END | VN_ON_LEAVE) &&
	       !(rule_on(r) & (VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA | VN_ON_REST |
	                  VN_ON_HELLO));
}

static bool match_check(const struct rule_spec *r, const struct vn_protocol *p,
                         char error[ERROR_MAX])
{
	const char *match = fields_of(r)->match;

	if (!match)
		return true;
	if (rule_on(r) & VN_ON_HELLO)
		return regex_check(match, error);
	if (!p->request)
		error_format(error, "match: %s has no requests to match", p->name);
	else if (rule_of_connections(r))
		error_format(error, "match: %s concerns connections, which are decided before "
		             "a message has come", r->behavior->name);
	else if (r->per_connection)
		error_format(error, "match: expected per = exchange beside it, a connection is "
		             "decided before a message has come");
	else
		return regex_check(match, error);
	return false;
}

/* Has any message of this protocol one of these kinds? */
static bool protocol_has_kind(const struct vn_protocol *p, unsigned is)
{
	return p->request && (!p->kinds || p->kinds & is);
}

static bool kind_unknown(const char *name, size_t n, char error[ERROR_MAX])
{
	char word[48], shown[64], meant[SUGGEST_MAX], text[150] = "";
	struct suggestion near = { .word = word };
	struct name_list known = { text, sizeof text, 0 };

	snprintf(word, sizeof word, "%.*s", (int)(n < 40 ? n : 40), name);
	for (const struct rule_kind *k = rule_kinds; k->name; k++) {
		suggest_try(&near, k->name);
		name_list_add(&known, k->name);
	}
	name_list_end(&known, "vaurien --list");
	error_format(error, "kind: expected some of %s, got '%s'%s", text,
	             text_printable(word, shown, sizeof shown), suggest_show(&near, "", meant));
	return false;
}

/* Each kind of the list must be one that the protocol can recognize. */
static bool kinds_check(unsigned is, const struct vn_protocol *p, char error[ERROR_MAX])
{
	char text[150] = "";
	struct name_list known = { text, sizeof text, 0 };
	const char *wrong = NULL;

	for (const struct rule_kind *k = rule_kinds; k->name; k++) {
		if (protocol_has_kind(p, k->is))
			name_list_add(&known, k->name);
		else if (k->is & is)
			wrong = k->name;
	}
	name_list_end(&known, "vaurien --list");
	if (wrong && *text)
		error_format(error, "kind: %s has no %s; expected some of %s", p->name, wrong,
		             text);
	else if (wrong)
		error_format(error, "kind: %s has no requests, so it cannot tell their kinds",
		             p->name);
	return !wrong;
}

static bool kind_check(struct rule_spec *r, const struct vn_protocol *p, char error[ERROR_MAX])
{
	const char *list = fields_of(r)->kind, *from;
	size_t n;

	r->kinds = 0;
	if (!list)
		return true;
	if (!rule_kinds_read(list, &r->kinds, &from, &n))
		return kind_unknown(from, n, error);
	if (rule_on(r) & VN_ON_HELLO) {
		error_format(error, "kind: %s concerns handshakes, which have no kind; expected a "
		             "match", r->behavior->name);
		return false;
	}
	if (!kinds_check(r->kinds, p, error))
		return false;
	if (rule_of_connections(r))
		error_format(error, "kind: %s concerns connections, which are decided before "
		             "anything is requested", r->behavior->name);
	else if (r->per_connection)
		error_format(error, "kind: expected per = exchange beside it, a connection is "
		             "decided before anything is requested");
	else
		return true;
	return false;
}

/* The field, else the behavior's own. False: the behavior does nothing in this direction. */
static bool direction_resolve(struct rule_spec *r, const struct spec *on, char error[ERROR_MAX])
{
	static const enum vn_direction of[] = { 0, VN_REQUEST, VN_RESPONSE, VN_BOTH };
	const struct vn_behavior *b = r->behavior;
	unsigned reach = b->on & ~(unsigned)(VN_ON_REQUEST | VN_ON_RESPONSE);
	size_t i = 0;

	while (strcmp(rule_directions[i], fields_of(r)->direction))
		i++;
	r->direction = i ? of[i] : b->direction ? b->direction : VN_BOTH;
	r->of_datagrams = i ? of[i] : VN_BOTH;
	if (r->direction & VN_REQUEST)
		reach |= b->on & VN_ON_REQUEST;
	if (r->direction & VN_RESPONSE)
		reach |= b->on & VN_ON_RESPONSE;
	/* without messages, datagrams of both directions are judged at both moments */
	if (reach || !b->on || (on->listen.udp && !on->protocol->request))
		return true;
	error_format(error, "direction: %s does nothing to a %s", b->name, rule_directions[i]);
	return false;
}

/* Drawn once per connection: a behavior that acts on nothing else, or that `per` or its trait makes
 * so. A match or a kind is about exchanges, so it prevails over the trait. And a rule without
 * probability, match and kind that acts on connections and on messages, so that its counters do not
 * mix both. */
static bool per_connection(const struct rule_spec *r)
{
	const struct rule_fields *f = fields_of(r);
	const unsigned on = rule_on(r);
	bool picky = f->match || f->kind;
	bool certain = r->low <= 0 && r->high >= 1 && !picky;
	bool whole = r->toxic || r->behavior->traits & VN_TRAIT_WHOLE;

	if (on & VN_ON_HELLO)           /* a connection has one: it is drawn when it comes */
		return false;
	return rule_of_connections(r) || *f->per == 'c' || (*f->per == 'o' && whole && !picky) ||
	       (certain && on & VN_ON_OPEN && on & (VN_ON_REQUEST | VN_ON_RESPONSE));
}

/* A behavior of the listening socket strikes no particular client. */
static bool port_check(const struct rule_spec *r, char error[ERROR_MAX])
{
	if (r->behavior->on != VN_ON_LISTEN || rule_plain(r))
		return true;
	error_format(error, "name: %s concerns the port, expected no odds, match, kind, client, "
	             "open connections or counts beside it", r->behavior->name);
	return false;
}

bool rule_finish(struct rule_spec *r, const struct spec *on, const char *culprit[1],
                 char error[ERROR_MAX])
{
	const struct rule_fields *f = fields_of(r);
	const struct vn_protocol *p = on->protocol;

	r->off = !f->enabled;
	r->shared = *f->share == 'p';
	r->never = rule_never(r);
	r->high = r->low + (r->high - r->low) * f->probability;
	r->per_connection = per_connection(r);
	r->skip = f->skip ? (uint64_t)f->skip : r->values.skip;
	r->times = f->times ? (uint64_t)f->times : r->values.times;
	r->every = (uint64_t)f->every;
	r->until = f->ttl ? r->lease + f->ttl : VN_NEVER;
	r->only_open = *f->connections == 'o';
	r->only_new = *f->connections == 'n';
	r->client = (struct network){ 0 };
	if (!rule_check_failures(p, &r->values, culprit, error))
		return false;
	if (!match_check(r, p, error))
		return rule_blame(culprit, "match");
	if (!kind_check(r, p, error))
		return rule_blame(culprit, "kind");
	if (!direction_resolve(r, on, error))
		return rule_blame(culprit, "direction");
	if (!datagrams_check_rule(on, r, error) || !port_check(r, error) ||
	    !failure_check(r->behavior, p, error))
		return rule_blame(culprit, "name");
	if (r->shared && !(r->behavior->traits & VN_TRAIT_LINE)) {
		error_format(error, "share: %s has no bandwidth that connections could share",
		             r->behavior->name);
		return rule_blame(culprit, "share");
	}
	if (f->client && !network_read(&r->client, f->client)) {
		char shown[64];
		error_format(error, "client: expected an address or a network such as 10.0.0.0/8, "
		             "got '%s'", text_printable(f->client, shown, sizeof shown));
		return rule_blame(culprit, "client");
	}
	return true;
}
