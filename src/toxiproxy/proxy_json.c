/* proxy_json.c - a proxy as Toxiproxy's JSON has it: read, checked, made into a spec. */
#include "toxiproxy/proxy_json.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "spec/datagrams.h"
#include "spec/registry.h"
#include "spec/option_json.h"
#include "spec/spec_merge.h"

/* ---- from JSON ---- */

static bool mismatch(const json_t *value, const char *owner, const char *key, const char *type,
                     struct http_error *f)
{
	char what[200], error[GO_ERROR];

	snprintf(what, sizeof what, "Go struct field %s.%s of type %s", owner, key, type);
	go_mismatch(value, what, error);
	return http_error_set(f, 400, "bad request body: %s", error);
}

static bool text_read(char **to, const json_t *object, const char *owner, const char *key,
                      struct http_error *f)
{
	const json_t *value = go_get(object, key);

	if (value && !json_is_string(value))
		return mismatch(value, owner, key, "string", f);
	if (value && strlen(json_string_value(value)) != json_string_length(value))
		return http_error_set(f, 400, "bad request body: %s: expected a text without a "
		                      "character 0", key);
	if (value)
		*to = xstrdup(json_string_value(value));
	return true;
}

/* *to is -1 if the key is missing. */
static bool bool_read(int *to, const json_t *object, const char *owner, const char *key,
                      struct http_error *f)
{
	const json_t *value = go_get(object, key);

	if (value && !json_is_boolean(value))
		return mismatch(value, owner, key, "bool", f);
	*to = value ? json_is_true(value) : -1;
	return true;
}

static bool behavior_read(struct proxy_request *w, const json_t *object, struct http_error *f)
{
	const json_t *value = go_get(object, "behavior");

	if (value && !json_is_string(json_object_get(value, "name")))
		return http_error_set(f, 400, "bad request body: behavior: expected an object with "
		                      "a \"name\", as PUT /behavior takes it");
	w->behavior = json_incref((json_t *)value);
	return true;
}

static bool protocol_read(struct proxy_request *w, const json_t *object, struct http_error *f)
{
	const json_t *value = go_get(object, "protocol");
	const char *name = json_string_value(value);
	char meant[SUGGEST_MAX];

	if (value && !(name && (w->protocol = protocol_find(name))))
		return http_error_set(f, 400, "bad request body: protocol: expected the name of "
		                      "one that vaurien --list shows, got '%.64s'%s",
		                      name ? name : "", protocol_suggest(name ? name : "", meant));
	return true;
}

static bool toxics_read(struct proxy_request *w, const json_t *object, const char *owner,
                        struct http_error *f)
{
	const json_t *value = go_get(object, "toxics");

	if (value && !json_is_array(value))
		return mismatch(value, owner, "toxics", "[]toxics.Toxic", f);
	w->toxics = json_incref((json_t *)value);
	return true;
}

/* Tried on fields of their own, so that a bad value is refused before anything changes. */
static bool topology_read(struct proxy_request *w, const json_t *object, struct http_error *f)
{
	struct opt_values trial;
	char error[ERROR_MAX];

	for (const struct vn_opt *o = topology_options; o->name; o++) {
		const json_t *value = go_get(object, o->name);
		if (value && !w->topology)
			w->topology = json_object();
		if (value)
			json_object_set(w->topology, o->name, (json_t *)value);
	}
	topology_init(&trial);
	bool good = topology_set_json(&trial, w->topology, error);
	opt_values_free(&trial);
	return good || http_error_set(f, 400, "bad request body: %s", error);
}

/* They were tried before: topology_read(). */
void proxy_request_topology(struct spec *s, const struct proxy_request *w)
{
	char ignored[ERROR_MAX];

	topology_set_json(&s->topology, w->topology, ignored);
}

/* A key that begins like these and is none of them is a typo: it would do nothing. */
static bool tls_keys_known(const json_t *object, struct http_error *f)
{
	static const char *const begins[] = { "client_", "client-", "backend_", "backend-" };
	const char *key;
	json_t *value;
	char shown[48], meant[SUGGEST_MAX];

	json_object_foreach((json_t *)object, key, value) {
		struct suggestion near = { .word = key };
		bool ours = false, known = false;
		for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
			ours |= !strncasecmp(key, begins[i], strlen(begins[i]));
		for (const struct vn_opt *o = tls_options; o->name; o++) {
			size_t n = strlen(o->name);
			known |= !strcasecmp(key, o->name);
			if (strncasecmp(key, o->name, n) || !key[n])    /* a longer one is meant */
				suggest_try(&near, o->name);
		}
		if (ours && !known)
			return http_error_set(f, 400, "bad request body: %s: expected an option of "
			                      "a proxy%s", text_printable(key, shown, sizeof shown),
			                      near.name ? suggest_show(&near, "", meant)
			                                : "; see 'vaurien --help tls'");
	}
	return true;
}

static bool tls_set(struct opt_values *to, const json_t *given, struct http_error *f)
{
	char error[ERROR_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)given, name, value)
		if (!tls_values_set(to, opt_find(tls_options, name), value, error))
			return http_error_set(f, 400, "bad request body: %.400s", error);
	return true;
}

/* Tried on values of their own, as the topology. */
static bool tls_read(struct proxy_request *w, const json_t *object, struct http_error *f)
{
	struct opt_values trial;

	for (const struct vn_opt *o = tls_options; o->name; o++) {
		const json_t *value = go_get(object, o->name);
		if (value && !w->tls)
			w->tls = json_object();
		if (value)
			json_object_set(w->tls, o->name, (json_t *)value);
	}
	tls_values_init(&trial);
	bool good = tls_set(&trial, w->tls, f) && tls_keys_known(object, f);
	opt_values_free(&trial);
	return good;
}

/* They were tried before. */
void proxy_request_tls(struct spec *s, const struct proxy_request *w)
{
	struct http_error ignored;

	tls_set(&s->tls, w->tls, &ignored);
}

bool proxy_request_read(struct proxy_request *w, const json_t *object, const char *owner,
                        struct http_error *f)
{
	*w = (struct proxy_request){ .enabled = -1, .ipv4_only = -1 };
	if (!json_is_object(object) && !json_is_null(object)) {
		char what[200], error[GO_ERROR];
		snprintf(what, sizeof what, "Go value of type toxiproxy.%s",
		         *owner ? owner : "Proxy");
		go_mismatch(object, what, error);
		return http_error_set(f, 400, "bad request body: %s", error);
	}
	if (text_read(&w->name, object, owner, "name", f) &&
	    text_read(&w->listen, object, owner, "listen", f) &&
	    text_read(&w->upstream, object, owner, "upstream", f) &&
	    bool_read(&w->enabled, object, owner, "enabled", f) &&
	    bool_read(&w->ipv4_only, object, owner, "ipv4_only", f) &&
	    protocol_read(w, object, f) && toxics_read(w, object, owner, f) &&
	    behavior_read(w, object, f) && topology_read(w, object, f) &&
	    tls_read(w, object, f))
		return true;
	proxy_request_free(w);
	return false;
}

void proxy_request_free(struct proxy_request *w)
{
	free(w->name);
	free(w->listen);
	free(w->upstream);
	json_decref(w->toxics);
	json_decref(w->behavior);
	json_decref(w->topology);
	json_decref(w->tls);
}

void proxy_requests_free(struct proxy_request *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		proxy_request_free(&w[i]);
	free(w);
}

/* All are checked before any is made. The error names the first one with a missing field. */
static bool proxy_requests_check(const struct proxy_request *w, size_t n, struct http_error *f)
{
	for (size_t i = 0; i < n; i++) {
		bool named = w[i].name && *w[i].name, aimed = w[i].upstream && *w[i].upstream;
		const char *missing = !named ? "name" : !aimed ? "upstream" : NULL;
		if (missing)
			return http_error_set(f, 400, "missing required field: %s at proxy %zu",
			                      missing, i + 1);
	}
	return true;
}

struct proxy_request *proxy_requests_read(const json_t *list, size_t *n, struct http_error *f)
{
	size_t count = json_array_size(list);
	struct proxy_request *w = xcalloc(count + 1, sizeof *w);
	*n = 0;
	if (!json_is_array(list) && !json_is_null(list)) {
		char error[GO_ERROR];
		go_mismatch(list, "Go value of type []struct { toxiproxy.Proxy; "
		            "Enabled *bool \"json:\\\"enabled\\\"\" }", error);
		http_error_set(f, 400, "bad request body: %s", error);
	} else {
		while (*n < count && proxy_request_read(&w[*n], json_array_get(list, *n), "", f))
			++*n;
		if (*n == count && proxy_requests_check(w, count, f))
			return w;
	}
	proxy_requests_free(w, *n);
	return NULL;
}

/* ---- addresses, as Go reads them ---- */

/* The host that is all addresses: of IPv6, which accepts IPv4 too, if the system has it; else of
 * IPv4. */
static const char *everywhere(void)
{
	static const char *host;

	if (!host) {
		int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
		struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
		host = bound ? "[::]" : "0.0.0.0";
		if (fd >= 0)
			close(fd);
	}
	return host;
}

bool proxy_everywhere_has_ipv6(void)
{
	return *everywhere() == '[';
}

static bool port_read(const char *text, int *port, char error[GO_ERROR])
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text) {
		*port = 0;
		return true;
	}
	if (*end) {
		struct servent *s = getservbyname(text, "tcp");
		*port = s ? (s->s_port >> 8 & 0xff) | (s->s_port & 0xff) << 8 : -1;
		if (!s)
			snprintf(error, GO_ERROR, "lookup tcp/%.200s: unknown port", text);
		return s;
	}
	*port = (int)n;
	if (n >= 0 && n <= 65535)
		return true;
	snprintf(error, GO_ERROR, "address %.200s: invalid port", text);
	return false;
}

static const char missing_port[] = "missing port in address";

/* Split "[::1]:80". Returns NULL, or Go's error. */
static const char *host_split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':'), *start = text, *end = colon;

	if (!colon)
		return missing_port;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end)
			return "missing ']' in address";
		if (!end[1])
			return missing_port;
		if (end + 1 != colon)
			return end[1] == ':' ? "too many colons in address" : missing_port;
		start++;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		return "too many colons in address";
	}
	snprintf(host, size, "%.*s", (int)(end - start), start);
	*port = colon + 1;
	return NULL;
}

bool proxy_request_address(const char *listen, bool ipv4_only, struct address *a,
                           char error[GO_ERROR])
{
	char host[300], made[400], ignored[ERROR_MAX];
	const char *port, *why;
	int number;

	if (!strncmp(listen, "unix:", 5) || !strncmp(listen, "udp://", 6))
		return address_parse(a, listen, error, GO_ERROR);
	if (!*listen)
		listen = ":0";
	if ((why = host_split(listen, host, sizeof host, &port))) {
		snprintf(error, GO_ERROR, "address %.300s: %s", listen, why);
		return false;
	}
	if (!port_read(port, &number, error))
		return false;
	if (ipv4_only && strchr(host, ':')) {
		snprintf(error, GO_ERROR, "address %.300s: expected one of IPv4 with ipv4_only",
		         listen);
		return false;
	}
	if (!*host || !strcmp(host, "0.0.0.0"))
		snprintf(made, sizeof made, "%s:%d", ipv4_only ? "0.0.0.0" : everywhere(), number);
	else
		snprintf(made, sizeof made, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, number);
	if (address_parse(a, made, ignored, sizeof ignored))
		return true;
	snprintf(error, GO_ERROR, "lookup %.200s: no such host", host);
	return false;
}

struct address proxy_request_upstream(const char *text)
{
	struct address a;
	char ignored[ERROR_MAX];

	if (!address_parse(&a, text, ignored, sizeof ignored))
		a = (struct address){ .text = xstrdup(text), .host = xstrdup(text) };
	return a;
}

/* ---- rules ---- */

/* `s` with its toxics added in their order. Takes the reference over. NULL: refused. */
static struct spec *toxics_give(struct spec *s, const struct proxy_request *w, struct http_error *f)
{
	const json_t *toxic;
	size_t i;

	json_array_foreach(w->toxics, i, toxic) {
		const char *name = json_string_value(go_get(toxic, "name"));
		if (w->behavior && name && !strcmp(name, RULE_GROUP))
			continue;               /* that is the behavior, as a toxic */
		struct spec *more = toxic_add_listed(s, toxic, f);
		spec_unref(s);
		if (!(s = more))
			return NULL;
	}
	return s;
}

/* The same of its behavior. */
static struct spec *behavior_give(struct spec *s, const json_t *behavior, struct http_error *f)
{
	const char *culprit;
	char error[ERROR_MAX];

	if (!behavior)
		return s;
	struct spec *to = spec_with_behavior(s->defaults, s,
	                                     json_string_value(json_object_get(behavior, "name")),
	                                     behavior, &culprit, error);
	spec_unref(s);
	if (!to)
		http_error_set(f, 400, "bad request body: behavior: %s", error);
	return to;
}

/* Those of the rules that `was` has just so become its own. Returns how many. */
static unsigned rules_keep(struct spec *to, const struct spec *was)
{
	bool same_behavior = spec_same_behavior(to, was);
	unsigned kept = 0, next = 0;

	for (unsigned i = 0; i < to->n_rules; i++) {
		const struct rule_spec *old = spec_rule(was, to->rules[i].name);
		bool grouped = rule_in_group(&to->rules[i]);
		while (grouped && next < was->n_rules && !rule_in_group(&was->rules[next]))
			next++;
		if (grouped)
			old = same_behavior ? &was->rules[next++] : NULL;
		if (!old || !(grouped || toxic_same(&to->rules[i], old)))
			continue;
		rule_free(&to->rules[i]);
		rule_copy(&to->rules[i], old);
		kept++;
	}
	return kept;
}

struct spec *proxy_request_rules(const struct proxy_request *w, const struct spec *is, bool *same,
                                 struct http_error *f)
{
	struct spec *s = w->toxics ? spec_without_rules(is) : spec_copy(is, 0, true);

	if (!(s = toxics_give(s, w, f)) || !(s = behavior_give(s, w->behavior, f)))
		return NULL;
	proxy_request_topology(s, w);
	proxy_request_tls(s, w);
	*same = rules_keep(s, is) == s->n_rules && s->n_rules == is->n_rules &&
	        opt_values_same(&s->topology, &is->topology) &&
	        opt_values_same(&s->tls, &is->tls);
	return s;
}

json_t *proxy_behavior_json(const struct spec *s)
{
	if (!strcmp(s->behavior, NO_BEHAVIOR))
		return NULL;
	json_t *shown = spec_behavior_json(s), *made = json_object();
	json_t *options = json_object_get(shown, "options");

	json_object_set(made, "name", json_object_get(shown, "behavior"));
	if (options)
		json_object_set(made, "options", options);
	json_decref(shown);
	return made;
}

/* ---- as a spec ---- */

struct spec *proxy_request_spec(const struct proxy_request *w, const struct address *listen,
                                const struct spec *template, struct http_error *f)
{
	struct spec *s = spec_like(template, w->name);
	struct spec *there = spec_with_address(s, listen);
	const char *culprit;
	char why[ERROR_MAX];

	spec_unref(s);
	spec_backend_set(there, proxy_request_upstream(w->upstream));
	there->enabled = w->enabled != 0;
	proxy_request_topology(there, w);
	proxy_request_tls(there, w);
	if (!datagrams_check(there, &culprit, why)) {
		spec_unref(there);
		http_error_set(f, 400, "bad request body: %s", why);
		return NULL;
	}
	there = toxics_give(there, w, f);
	return there ? behavior_give(there, w->behavior, f) : NULL;
}
