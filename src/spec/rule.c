/* rule.c - a behavior with its options, set on a proxy: whom it means, how often, how long. */
#include "spec/rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/memory.h"
#include "base/regex.h"
#include "spec/registry.h"

static const char *const directions[] = { "own", "request", "response", "both", NULL };
static const char *const pers[] = { "own", "exchange", "connection", NULL };
static const char *const shares[] = { "connection", "proxy", NULL };

#define FIELD(field_, type_, ...) { .name = #field_, .type = type_, .offset = offsetof(struct rule_fields, field_), __VA_ARGS__ }

const struct vn_opt rule_options[] = {
	FIELD(match, VN_OPT_TEXT, .help = "Only exchanges whose \"VERB subject\" this regular expression finds (PCRE2)"),
	FIELD(client, VN_OPT_TEXT, .help = "Only clients of this address or network, such as 10.0.0.0/8"),
	FIELD(direction, VN_OPT_CHOICE, .def = "own", .choices = directions, .help = "Requests or responses; own: as the behavior itself has it"),
	FIELD(probability, VN_OPT_REAL, .def = "1", .max = 1, .help = "The share that is struck, drawn by the dice"),
	FIELD(per, VN_OPT_CHOICE, .def = "own", .choices = pers, .help = "What is drawn and counted; own: as the behavior itself has it"),
	FIELD(share, VN_OPT_CHOICE, .def = "connection", .choices = shares, .help = "Who has the bandwidth: each connection for itself, or all connections of the proxy together"),
	FIELD(skip, VN_OPT_INT, .def = "0", .help = "How many pass first, of those that it would strike"),
	FIELD(times, VN_OPT_INT, .def = "0", .help = "How many it strikes at most; 0: no bound"),
	FIELD(every, VN_OPT_INT, .def = "1", .min = 1, .max = 1e15, .help = "It strikes each so manyth"),
	FIELD(ttl, VN_OPT_TIME, .def = "0", .unit = VN_S, .help = "How long until it goes by itself; 0: never"),
	{ 0 }
};

static const struct rule_fields *fields_of(const struct rule_spec *r)
{
	return r->fields.opts;
}

/* ---- lives ---- */

struct defaults *defaults_make(void)
{
	size_t n;
	const struct vn_behavior *const *all = behaviors_all(&n);
	struct defaults *d = xcalloc(1, sizeof *d + n * sizeof *d->of);
	d->refs = 1;
	d->n = n;
	for (size_t i = 0; i < n; i++) {
		d->of[i].behavior = all[i];
		opt_values_init(&d->of[i].values, all[i]->options, all[i]->opts_size);
	}
	return d;
}

struct defaults *defaults_copy(const struct defaults *from)
{
	struct defaults *d = xcalloc(1, sizeof *d + from->n * sizeof *d->of);
	d->refs = 1;
	d->n = from->n;
	for (size_t i = 0; i < d->n; i++) {
		d->of[i].behavior = from->of[i].behavior;
		opt_values_copy(&d->of[i].values, &from->of[i].values);
	}
	return d;
}

struct defaults *defaults_ref(struct defaults *d)
{
	if (d)
		d->refs++;
	return d;
}

void defaults_unref(struct defaults *d)
{
	if (!d || --d->refs)
		return;
	for (size_t i = 0; i < d->n; i++)
		opt_values_free(&d->of[i].values);
	free(d);
}

const struct opt_values *defaults_of(const struct defaults *d, const struct vn_behavior *behavior)
{
	for (size_t i = 0; d && i < d->n; i++)
		if (d->of[i].behavior == behavior)
			return &d->of[i].values;
	return NULL;
}

void rule_renew(struct rule_spec *r)
{
	static _Atomic uint64_t last_id;

	r->id = ++last_id;
	r->since = clock_monotonic();
}

void rule_init(struct rule_spec *r, const char *name, const struct vn_behavior *b, const struct defaults *all)
{
	const struct opt_values *defaults = defaults_of(all, b);

	*r = (struct rule_spec){ .name = xstrdup(name), .behavior = b, .high = 1, .until = VN_NEVER };
	rule_renew(r);
	r->origin = r->id;
	r->counters = xcalloc(1, sizeof *r->counters);
	atomic_init(&r->counters->refs, 1);
	if (defaults)
		opt_values_copy(&r->values, defaults);
	else
		opt_values_init(&r->values, b->options, b->opts_size);
	opt_values_init(&r->fields, rule_options, sizeof(struct rule_fields));
}

void rule_copy(struct rule_spec *to, const struct rule_spec *from)
{
	*to = *from;
	to->name = xstrdup(from->name);
	opt_values_copy(&to->values, &from->values);
	opt_values_copy(&to->fields, &from->fields);
	to->note = xstrdup(from->note);
	to->counters->refs++;
}

void rule_free(struct rule_spec *r)
{
	if (--r->counters->refs == 0)
		free(r->counters);
	opt_values_free(&r->values);
	opt_values_free(&r->fields);
	free(r->note);
	free(r->name);
}

/* ---- setting ---- */

static char culprit_text[64];

static bool blame(const char *culprit[1], const char *name)
{
	*culprit = text_printable(name, culprit_text, sizeof culprit_text);
	return false;
}

static size_t names_put(char *known, size_t n, const struct vn_opt *options)
{
	for (const struct vn_opt *o = options; o && o->name; o++)
		if (o->type != VN_OPT_INERT && n < ERROR_MAX)
			n += (size_t)snprintf(known + n, ERROR_MAX - n, "%s%s", n ? ", " : "", o->name);
	return n;
}

static bool option_unknown(const struct vn_behavior *b, const char *key, char error[ERROR_MAX])
{
	char shown[48], known[ERROR_MAX] = "";

	names_put(known, names_put(known, 0, b->options), rule_options);
	text_printable(key, shown, sizeof shown);
	error_format(error, "%s: %s has no such option; expected one of %s", shown, b->name, known);
	return false;
}

bool rule_set(struct rule_spec *r, const char *key, const json_t *value, const char *culprit[1], char error[ERROR_MAX])
{
	const struct vn_opt *own = opt_find(r->behavior->options, key), *field = own ? NULL : opt_find(rule_options, key);
	bool good = own ? opt_set_json(&r->values, own, value, error) : field ? opt_set_json(&r->fields, field, value, error) :
	            option_unknown(r->behavior, key, error);

	return good || blame(culprit, own ? own->name : field ? field->name : key);
}

/* ---- settling ---- */

/* "8" of 10.0.0.0/8 */
static bool bits_read(unsigned *bits, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || n > *bits)
		return false;
	*bits = (unsigned)n;
	return true;
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
static void network_unmap(struct network *n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (n->family != AF_INET6 || n->bits < 96 || memcmp(n->address, mapped, sizeof mapped))
		return;
	memmove(n->address, n->address + sizeof mapped, 4);
	n->family = AF_INET;
	n->bits -= 96;
}

static bool network_read(struct network *n, const char *text)
{
	char host[64];
	size_t len = strcspn(text, "/");

	if (len >= sizeof host)
		return false;
	snprintf(host, sizeof host, "%.*s", (int)len, text);
	n->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	n->bits = n->family == AF_INET6 ? 128 : 32;
	if (inet_pton(n->family, host, n->address) != 1 || (text[len] && !bits_read(&n->bits, text + len + 1)))
		return false;
	network_unmap(n);
	return true;
}

bool rule_applies_to(const struct rule_spec *r, const struct endpoint *client)
{
	const struct network *n = &r->client;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&client->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&client->addr;
	const uint8_t *a = v4->sin_family == AF_INET ? (const uint8_t *)&v4->sin_addr : v6->sin6_addr.s6_addr;
	int family = client->addr.ss_family;

	if (!n->family)
		return true;
	if (family == AF_INET6 && n->family == AF_INET && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		a += 12;
		family = AF_INET;
	}
	if (family != n->family || memcmp(a, n->address, n->bits / 8))
		return false;
	uint8_t mask = (uint8_t)(0xff00 >> n->bits % 8);
	return n->bits % 8 == 0 || !((a[n->bits / 8] ^ n->address[n->bits / 8]) & mask);
}

static bool failure_unknown(const struct vn_protocol *p, const char *option, const char *name, char error[ERROR_MAX])
{
	char shown[48], known[ERROR_MAX] = "";
	size_t n = 0;

	for (const struct vn_failure *f = p->failures; f && f->name && n < sizeof known; f++)
		if (f->moments)
			n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", f->name);
	if (n)
		error_format(error, "%s: '%s' is not a failure of %s; expected one of %s", option,
		             text_printable(name, shown, sizeof shown), p->name, known);
	else
		error_format(error, "%s: %s has no words to refuse with", option, p->name);
	return false;
}

bool rule_plain(const struct rule_spec *r)
{
	const struct rule_fields *f = fields_of(r);

	return r->low <= 0 && r->high >= 1 && !f->match && !f->client && !r->skip && r->times == UINT64_MAX && r->every == 1;
}

/* A behavior that is made of one failure. */
static bool failure_settle(const struct vn_behavior *b, const struct vn_protocol *p, char error[ERROR_MAX])
{
	const struct vn_failure *f = b->failure ? failure_find(p, b->failure) : NULL;

	if (!b->failure || (f && f->moments))
		return true;
	error_format(error, "name: %s needs a protocol with the failure '%s', %s has none", b->name, b->failure, p->name);
	return false;
}

bool rule_needs_messages(const struct rule_spec *r)
{
	if (r->behavior->failure)
		return true;
	for (const struct vn_opt *o = r->behavior->options; o && o->name; o++)
		if (o->type == VN_OPT_FAILURE)
			return true;
	return fields_of(r)->match;
}

bool rule_check_failures(const struct vn_protocol *p, const struct opt_values *b, const char *culprit[1], char error[ERROR_MAX])
{
	for (const struct vn_opt *o = b->options; o && o->name; o++) {
		const char *name = o->type == VN_OPT_FAILURE ? *(char **)((char *)b->opts + o->offset) : NULL;
		const struct vn_failure *f = name ? failure_find(p, name) : NULL;
		if (name && !(f && f->moments)) {
			failure_unknown(p, o->name, name, error);
			return blame(culprit, o->name);
		}
	}
	return true;
}

/* It is asked of connections, and of nothing that goes on in them. */
static bool behavior_whole(const struct vn_behavior *b)
{
	return b->on & (VN_ON_OPEN | VN_ON_END | VN_ON_LEAVE) && !(b->on & (VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA | VN_ON_REST));
}

static bool match_settle(const struct rule_spec *r, const struct vn_protocol *p, char error[ERROR_MAX])
{
	const char *match = fields_of(r)->match;

	if (!match)
		return true;
	if (!p->request)
		error_format(error, "match: %s has no messages that could match", p->name);
	else if (behavior_whole(r->behavior))
		error_format(error, "match: %s concerns connections, which are decided before anything is said", r->behavior->name);
	else if (r->per_connection)
		error_format(error, "match: expected per = exchange beside it, a connection is decided before anything is said");
	else
		return regex_check(match, error);
	return false;
}

/* A behavior that is asked of requests only has nothing to say of responses. */
static bool direction_settle(struct rule_spec *r, char error[ERROR_MAX])
{
	static const enum vn_direction of[] = { 0, VN_REQUEST, VN_RESPONSE, VN_BOTH };
	const struct vn_behavior *b = r->behavior;
	unsigned reach = b->on & ~(unsigned)(VN_ON_REQUEST | VN_ON_RESPONSE);
	size_t i = 0;

	while (strcmp(directions[i], fields_of(r)->direction))
		i++;
	r->direction = i ? of[i] : b->direction ? b->direction : VN_BOTH;
	reach |= (r->direction & VN_REQUEST ? b->on & VN_ON_REQUEST : 0) | (r->direction & VN_RESPONSE ? b->on & VN_ON_RESPONSE : 0);
	if (reach || !b->on)
		return true;
	error_format(error, "direction: %s does nothing to a %s", b->name, directions[i]);
	return false;
}

/* Decided once for a connection: who is asked of nothing else; whom the behavior's way or `per` says; and who, without
 * odds and match, is asked of connections and of what goes on in them. Else both would be counted in one row. */
static bool per_connection(const struct rule_spec *r)
{
	const struct rule_fields *f = fields_of(r);
	const unsigned on = r->behavior->on;
	bool certain = r->low <= 0 && r->high >= 1 && !f->match;

	return behavior_whole(r->behavior) || (*f->per == 'o' && r->behavior->traits & VN_TRAIT_WHOLE) || *f->per == 'c' ||
	       (certain && on & VN_ON_OPEN && on & (VN_ON_REQUEST | VN_ON_RESPONSE));
}

/* A behavior of the port strikes no one in particular. */
static bool port_settle(const struct rule_spec *r, char error[ERROR_MAX])
{
	if (r->behavior->on != VN_ON_LISTEN || rule_plain(r))
		return true;
	error_format(error, "name: %s concerns the port, expected no odds, match, client or counts beside it", r->behavior->name);
	return false;
}

bool rule_finish(struct rule_spec *r, const struct vn_protocol *p, const char *culprit[1], char error[ERROR_MAX])
{
	const struct rule_fields *f = fields_of(r);

	r->shared = *f->share == 'p';
	r->high = r->low + (r->high - r->low) * f->probability;
	r->per_connection = per_connection(r);
	r->skip = f->skip ? (uint64_t)f->skip : r->values.skip;
	r->times = f->times ? (uint64_t)f->times : r->values.times;
	r->every = (uint64_t)f->every;
	r->until = f->ttl ? r->since + f->ttl : VN_NEVER;
	r->client = (struct network){ 0 };
	if (!rule_check_failures(p, &r->values, culprit, error))
		return false;
	if (!match_settle(r, p, error))
		return blame(culprit, "match");
	if (!direction_settle(r, error))
		return blame(culprit, "direction");
	if (!port_settle(r, error) || !failure_settle(r->behavior, p, error))
		return blame(culprit, "name");
	if (r->shared && !(r->behavior->traits & VN_TRAIT_LINE)) {
		error_format(error, "share: %s has no bandwidth that connections could share", r->behavior->name);
		return blame(culprit, "share");
	}
	if (f->client && !network_read(&r->client, f->client)) {
		char shown[64];
		error_format(error, "client: expected an address or a network such as 10.0.0.0/8, got '%s'", text_printable(f->client, shown, sizeof shown));
		return blame(culprit, "client");
	}
	return true;
}

/* ---- reading ---- */

static char *rule_word(const char **at, char error[ERROR_MAX])
{
	char why[ERROR_MAX] = "", *word = word_next(at, why);

	if (*why)
		error_format(error, "rule: %s", why);
	return word;
}

static bool text_set(struct rule_spec *r, const char *key, const char *value, char error[ERROR_MAX])
{
	const struct vn_opt *own = opt_find(r->behavior->options, key), *field = own ? NULL : opt_find(rule_options, key);

	return own ? opt_set_text(&r->values, own, value, error) : field ? opt_set_text(&r->fields, field, value, error) :
	       option_unknown(r->behavior, key, error);
}

/* It stands in log lines, in JSON and in the file's [rule:NAME]. */
static bool name_set(struct rule_spec *r, const char *name, char error[ERROR_MAX])
{
	size_t n = strlen(name);
	bool good = n >= 1 && n <= 64;
	char shown[48];

	for (size_t i = 0; good && i < n; i++)
		good = isgraph((unsigned char)name[i]) && name[i] != ']';
	if (!good)
		error_format(error, "name: expected 1 to 64 characters without blanks and ], got '%s'", text_printable(name, shown, sizeof shown));
	else if (!(good = strcmp(name, "behavior") != 0))
		error_format(error, "rule: the name '%s' is not free", name);
	if (!good)
		return false;
	free(r->name);
	r->name = xstrdup(name);
	return true;
}

static bool word_take(struct rule_spec *r, char *word, char error[ERROR_MAX])
{
	char *equals = strchr(word, '=');

	if (!equals) {
		char shown[48];
		error_format(error, "rule: expected option=value, got '%s'", text_printable(word, shown, sizeof shown));
		return false;
	}
	*equals = 0;
	return strcmp(word, "name") ? text_set(r, word, equals + 1, error) : name_set(r, equals + 1, error);
}

bool rule_read(struct rule_spec *r, const char *words, const struct vn_protocol *p, const struct defaults *all, char error[ERROR_MAX])
{
	const char *culprit;
	char *word;
	bool good = true;

	*error = 0;
	word = rule_word(&words, error);
	const struct vn_behavior *b = word ? behavior_find(word) : NULL;
	if (!b) {
		char shown[48];
		if (!*error)
			error_format(error, "rule: expected the name of a behavior first, got '%s'", text_printable(word ? word : "", shown, sizeof shown));
		free(word);
		return false;
	}
	free(word);
	rule_init(r, b->name, b, all);
	while (good && (word = rule_word(&words, error))) {
		good = word_take(r, word, error);
		free(word);
	}
	if (good && !*error && rule_finish(r, p, &culprit, error))
		return true;
	rule_free(r);
	return false;
}

static bool note_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool rule_same(const struct rule_spec *a, const struct rule_spec *b)
{
	return !strcmp(a->name, b->name) && a->behavior == b->behavior && a->low == b->low && a->high == b->high && note_same(a->note, b->note)
	    && opt_values_same(&a->values, &b->values) && opt_values_same(&a->fields, &b->fields);
}

/* ---- shown ---- */

static bool at_default(const struct rule_spec *r, const struct vn_opt *o)
{
	struct opt_values plain;

	opt_values_init(&plain, rule_options, sizeof(struct rule_fields));
	json_t *now = opt_to_json(&r->fields, o), *def = opt_to_json(&plain, o);
	bool same = json_equal(now, def);
	json_decref(now);
	json_decref(def);
	opt_values_free(&plain);
	return same;
}

json_t *rule_options_json(const struct rule_spec *r)
{
	json_t *all = opt_values_to_json(&r->values);

	for (const struct vn_opt *o = rule_options; o->name; o++)
		if (!at_default(r, o))
			json_object_set_new(all, o->name, opt_to_json(&r->fields, o));
	return all;
}

json_t *rule_json(const struct rule_spec *r)
{
	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "name", r->name, "behavior", r->behavior->name, "options", rule_options_json(r),
	                 "seen", (json_int_t)r->counters->seen, "hits", (json_int_t)r->counters->hits, "unreachable", (json_int_t)r->counters->unreachable);
}
