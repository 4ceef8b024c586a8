/* proxies.c - the specs of the proxies to start with, made from the options.
 *
 * --proxy and --backend define one proxy, --add and [proxy:NAME] one more each. Timeouts, limits
 * and the options of behaviors and protocols apply to all of them, unless a proxy overrides them.
 * --behavior, --rule and --protocol apply to the first one, as PUT /behavior does. */
#include "config/proxies.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/rule_check.h"
#include "base/memory.h"
#include "config/error.h"
#include "config/overrides.h"
#include "config/run_specs.h"
#include "config/toxiproxy_file.h"
#include "spec/defaults.h"
#include "spec/recognise.h"
#include "spec/registry.h"
#include "spec/weights.h"
#include "tls/legs.h"

/* ---- a spec ---- */

static int sizes_read(struct parse *r, struct spec *proxy)
{
	int64_t hold_max;

	if (!size_read(r->raw->hold_max, &hold_max))
		return flag_error(flag_get(&r->flags, "hold-max"),
		                  "a number of bytes, such as 65536, 64K, 8M or 1G",
		                  r->raw->hold_max);
	proxy->hold_max = (size_t)hold_max;
	return -1;
}

static int protocol_read(struct parse *r, struct spec *proxy)
{
	char known[ERROR_MAX] = "one of ", meant[SUGGEST_MAX];
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(all[i]->name, r->raw->protocol)) {
			proxy->protocol = all[i];
			opt_values_copy(&proxy->protocol_values, &r->protocols[i]);
			return -1;
		}
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", all[i]->name);
	}
	return flag_error_suggest(flag_get(&r->flags, "protocol"), known, r->raw->protocol,
	                          protocol_suggest(r->raw->protocol, meant));
}

static bool name_good(const char *name)
{
	size_t n = strlen(name);
	bool good = n >= 1 && n <= 64;

	for (size_t i = 0; good && i < n; i++)
		good = isgraph((unsigned char)name[i]) && !strchr("/?#%", name[i]);
	return good;
}

/* Replace *at by the changed spec `now`; NULL: report the error. */
static int spec_become(struct spec **at, struct spec *now, const char *error)
{
	if (!now)
		return value_error("%s", error);
	spec_unref(*at);
	*at = now;
	return -1;
}

/* "--" before an option's name, if its value is from the command line. */
static const char *dashes_of(const struct parse *r, const char *name)
{
	return flag_get(&r->flags, name)->level == 1 && !error_prefixed() ? "--" : "";
}

static int topology_read(struct parse *r, struct spec *proxy)
{
	const char *const texts[] = { r->raw->known_as, r->raw->topology, r->raw->unmapped };
	char bad[ADDRESS_KEY_MAX];

	for (size_t i = 0; topology_options[i].name; i++)
		opt_set_string(&proxy->topology, &topology_options[i], texts[i]);
	if (topology_known_check(r->raw->known_as, bad))
		return -1;
	return flag_error(flag_get(&r->flags, "known-as"), TOPOLOGY_KNOWN, bad);
}

static int proxy_read(struct parse *r, const char *name, struct spec **to)
{
	const struct raw_options *w = r->raw;
	char error[ERROR_MAX];
	int code;

	struct spec *proxy = *to = spec_make(name);
	proxy->enabled = w->enabled;
	proxy->defaults = defaults_ref(r->defaults);
	proxy->timeout = w->timeout;
	if (flag_get(&r->flags, "timeout")->level && !w->stay_connected)
		proxy->idle = w->timeout;
	opt_values_free(&proxy->tls);
	opt_values_copy(&proxy->tls, &r->tls);
	proxy->linger = w->linger;
	proxy->client_named = !strcmp(w->proxy_protocol, "address");
	if (flag_get(&r->flags, "pool-max-size")->level)
		proxy->max_clients = w->pool_max_size;
	proxy->backlog = w->backlog;
	proxy->sessions = w->sessions;
	if ((code = protocol_read(r, proxy)) != -1 || (code = sizes_read(r, proxy)) != -1 ||
	    (code = topology_read(r, proxy)) != -1)
		return code;
	if (!address_parse(&proxy->listen, r->run ? "127.0.0.1:0" : w->proxy, error, sizeof error))
		return value_error("%s%s: %s", dashes_of(r, "proxy"),
		                   error_prefixed() ? "listen" : "proxy", error);
	struct spec *with = spec_with_backend(proxy, w->backend, error);
	if (!with)
		return value_error("%s%s", dashes_of(r, "backend"), error);
	return spec_become(to, with, error);
}

static int behavior_unknown(const char *name)
{
	char known[4000] = "", meant[SUGGEST_MAX];
	size_t n, used = 0;
	const struct vn_behavior *const *all = behaviors_all(&n);

	for (size_t i = 0; i < n && used < sizeof known; i++)
		used += (size_t)snprintf(known + used, sizeof known - used, "%s'%s'", i ? ", " : "",
		                         all[i]->name);
	behavior_suggest(name, meant);
	return value_error("'%s' is an unknown behavior%s Pick one of: %s.", name,
	                   *meant ? meant : ".", known);
}

/* Is it a behavior, or weights, whatever the protocol? */
static int behavior_check(const struct parse *r)
{
	const char *text = r->raw->behavior;
	char error[ERROR_MAX];
	struct weights weights;

	if (!text[strspn(text, " \t")])
		return value_error("%sbehavior: You need to use percentage:name",
		                   dashes_of(r, "behavior"));
	if (!weights_read(&weights, text, error))
		return weights.unknown[0] ? behavior_unknown(weights.unknown) :
		                            value_error("%sbehavior '%.100s': %s",
		                                        dashes_of(r, "behavior"), text,
		                                        error);
	return -1;
}

static int behavior_read(struct parse *r, struct spec **to)
{
	const char *culprit;
	char error[ERROR_MAX];
	int code = behavior_check(r);

	if (code != -1)
		return code;
	return spec_become(to, spec_with_behavior(r->defaults, *to, r->raw->behavior, NULL,
	                                          &culprit, error), error);
}

/* ---- rules ---- */

/* `section`: the NAME of [rule:NAME], for errors; NULL: the text is a line of --rule. */
static int rule_add(struct parse *r, struct spec **to, const char *section, const char *text)
{
	static const char whose[] = "rule: ";
	char error[ERROR_MAX];
	struct spec *now = spec_with_rule(r->defaults, *to, text, error);
	const char *why = strncmp(error, whose, strlen(whose)) ? error : error + strlen(whose);

	if (now)
		return spec_become(to, now, error);
	return section ? value_error("[rule:%s]: %s", section, why) : value_error("rule: %s", why);
}

static int file_rule_add(struct parse *r, struct spec **to, const struct file_rule *f)
{
	char *text;

	if (!f->behavior)
		return value_error("[rule:%s]: expected behavior = a name that --list shows",
		                   f->name);
	text = xasprintf("%s name=\"%s\"%s", f->behavior, f->name, f->text);
	int code = rule_add(r, to, f->name, text);
	free(text);
	return code;
}

/* "cache: delay sleep=1": returns where the name of a proxy begins, and its length in *n; 0:
 * none. */
static const char *line_named(const char *line, size_t *n)
{
	size_t start = strspn(line, " \t"), word = strcspn(line + start, " \t\n");

	*n = 0;
	if (word < 2 || line[start + word - 1] != ':')
		return line;
	*n = word - 1;
	return line + start;
}

/* Add the lines of `text` that begin with this proxy's name, and if `unnamed`, those without a
 * name. */
static int lines_add(struct parse *r, struct spec **to, const char *text, bool unnamed)
{
	int code = -1;

	for (const char *line = text, *end; line && code == -1; line = *end ? end + 1 : NULL) {
		size_t n;
		end = line + strcspn(line, "\n");
		const char *name = line_named(line, &n), *start = n ? name + n + 1 : line;
		bool mine = n ? strlen((*to)->name) == n && !memcmp(name, (*to)->name, n) : unnamed;
		if (!mine)
			continue;
		char *rule = xstrndup(start, (size_t)(end - start));
		code = rule_add(r, to, NULL, rule);
		free(rule);
	}
	return code;
}

/* False: a behavior's option names a failure that the protocol does not have. */
static bool failures_good(const struct parse *r, const struct spec *s, char error[ERROR_MAX])
{
	const char *culprit;

	for (size_t i = 0; i < r->flags.n; i++) {
		const struct flag *f = &r->flags.at[i];
		if (f->opt->type == VN_OPT_FAILURE && f->level &&
		    !rule_check_failures(s->protocol, f->values, &culprit, error))
			return false;
	}
	return true;
}

/* ---- all of them ---- */

/* The error begins with the option's name. */
static int legs_read(const struct parse *r, struct spec *s)
{
	char error[ERROR_MAX], name[64];

	if (tls_legs_make(s, error))
		return -1;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(error, ":"), error);
	const char *dashes = flag_find(&r->flags, "", name) ? dashes_of(r, name) : "";
	for (char *c = error; *dashes && *c && *c != ':'; c++)
		*c = *c == '_' ? '-' : *c;
	return value_error("%s%s", dashes, error);
}

/* `r` has the options of the proxy: its own, or `all`, the program's. */
static int spec_read(const struct parse *all, struct parse *r, const char *name, bool first,
                     struct spec **to)
{
	char error[ERROR_MAX];
	bool own_behavior = r != all && flag_get(&r->flags, "behavior")->level;
	int code = proxy_read(r, name, to);

	if (code == -1 && all->run)
		run_spec_make_private(all->settings->run, *to);
	if (code == -1)
		code = legs_read(r, *to);
	if (code == -1 && !failures_good(r, *to, error))
		code = value_error("%s", error);
	if (code == -1 && all->run && !own_behavior)
		run_behavior_apply(all->settings->run, to);
	else if (code == -1)
		code = behavior_read(r, to);
	for (const struct file_rule *f = all->flags.rules; f && code == -1; f = f->next)
		if (f->proxy ? !strcmp(f->proxy, name) : first)
			code = file_rule_add(r, to, f);
	if (code == -1 && r != all)
		code = lines_add(r, to, r->raw->rule, true);
	if (code == -1 && all->run)
		run_rules_apply(all->settings->run, to, false);
	else if (code == -1)
		code = lines_add(r, to, all->raw->rule, first);
	return code;
}

static int made_add(struct settings *s, struct spec *made, int code)
{
	if (code == -1)
		return settings_add(s, made);
	spec_unref(made);
	return code;
}

/* In `vaurien run` the backend shows the protocol, if none is given. */
static void protocol_guess(struct parse *own)
{
	const struct flag *f = flag_get(&own->flags, "protocol");
	const struct vn_protocol *p;
	struct address at;
	char error[ERROR_MAX];

	if (!own->run || f->level || !address_parse(&at, own->raw->backend, error, sizeof error))
		return;
	p = at.unix_path ? protocol_by_path(at.host) : protocol_by_port(at.port);
	address_free(&at);
	if (p)
		opt_set_text(&own->core, f->opt, p->name, error);
}

/* `addressed`: the proxy has its addresses from --proxy and --backend. */
static int own_read(struct parse *all, const struct proxy_config *p, bool addressed)
{
	struct settings *s = all->settings;
	struct parse own;
	struct spec *made = NULL;
	char whose[100];
	int code;

	snprintf(whose, sizeof whose, "[proxy:%.80s]: ", p->name);
	error_prefix(whose);
	overrides_begin(&own, all);
	own.run = all->run;
	overrides_forget(&own, !all->run && !s->n_proxies, addressed);
	if (!name_good(p->name))
		code = value_error("expected a name of 1 to 64 characters, none of them a blank or "
		                   "one of /?#%%");
	else if ((code = overrides_apply(&own, p, addressed)) != -1)
		;
	else if (!addressed && !own.run && !flag_get(&own.flags, "proxy")->level)
		code = value_error("listen: expected HOST:PORT, got nothing");
	else if (!addressed && !flag_get(&own.flags, "backend")->level)
		code = value_error("backend: expected HOST:PORT, got nothing");
	else {
		protocol_guess(&own);
		overrides_drop_unfit(&own, p);
		code = spec_read(all, &own, p->name, !s->n_proxies, &made);
	}
	overrides_free(&own);
	error_prefix(NULL);
	return made_add(s, made, code);
}

static int name_taken(const char *name)
{
	return usage_error("argument --add: expected a name that no other has, got '%s'", name);
}

/* In `vaurien run` a backend without a name is its own name. */
static const char *default_name(const struct parse *r)
{
	const struct flag *f = flag_get(&r->flags, "proxy-name");

	return r->run && !f->level && name_good(r->raw->backend) ? r->raw->backend :
	                                                           r->raw->proxy_name;
}

static int default_read(struct parse *r)
{
	const char *name = default_name(r);
	struct spec *made = NULL;

	if (!name_good(name))
		return flag_error(flag_get(&r->flags, "proxy-name"),
		                  "1 to 64 characters, none of them a blank or one of /?#%", name);
	for (const struct proxy_config *p = r->flags.proxies; p; p = p->next) {
		if (strcmp(p->name, name))
			continue;
		return p->added ? name_taken(name) : own_read(r, p, true);
	}
	protocol_guess(r);
	int code = spec_read(r, r, name, true, &made);
	return made_add(r->settings, made, code);
}

/* One value of --add: "cache=:7379=10.0.0.2:6379,redis behavior=delay". It is cut into pieces. */
static int add_read(struct flags *flags, char *text)
{
	char error[ERROR_MAX] = "";
	const char *at = text, *protocol;
	char *word = word_next(&at, error), *listen = word ? strchr(word, '=') : NULL;
	char *backend = listen && !flags->ends ? strchr(listen + 1, '=') : listen;
	int code = -1;

	if (!backend) {
		code = usage_error("argument --add: expected NAME=%sBACKEND first, got '%s'",
		                   flags->ends ? "" : "LISTEN=", word ? word : text);
		free(word);
		return code;
	}
	*listen++ = *backend++ = 0;
	char *comma = strrchr(backend, ',');
	/* The path of a unix socket may have a comma in it. */
	bool listed = comma && (strncmp(backend, "unix:", 5) || protocol_find(comma + 1));
	protocol = listed ? comma + 1 : NULL;
	if (protocol)
		*comma = 0;
	struct proxy_config *p = flags_proxy(flags, word);
	if (p->added)
		code = name_taken(word);
	p->added = true;
	if (!flags->ends)
		proxy_config_set(p, flags_own(flags, "listen"), 1, listen, error);
	proxy_config_set(p, flags_own(flags, "backend"), 1, backend, error);
	if (protocol && strchr(protocol, '='))
		code = usage_error("argument --add: expected a blank before '%s', got a comma",
		                   protocol);
	else if (protocol)
		proxy_config_set(p, flags_own(flags, "protocol"), 1, protocol, error);
	free(word);
	while (code == -1 && (word = word_next(&at, error))) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = 0;
		struct flag *f = flags_own(flags, word);
		char meant[SUGGEST_MAX];
		if (!f || !value)
			code = usage_error("argument --add: expected option=value of a proxy, got "
			                   "'%s'%s", word,
			                   f ? "" : flags_own_suggest(flags, word, meant));
		else if (!proxy_config_set(p, f, 1, value, error))
			code = usage_error("argument --add: %s", error);
		free(word);
	}
	return code == -1 && *error ? usage_error("argument --add: %s", error) : code;
}

static int adds_read(struct parse *r)
{
	int code = -1;

	for (const char *line = r->raw->add; line && code == -1;
	     line = line[strcspn(line, "\n")] ? strchr(line, '\n') + 1 : NULL) {
		char *text = xstrndup(line, strcspn(line, "\n"));
		code = add_read(&r->flags, text);
		free(text);
	}
	return code;
}

static bool named(const struct settings *s, const char *name, size_t n)
{
	for (size_t i = 0; i < s->n_proxies; i++)
		if (strlen(s->proxies[i]->name) == n && !memcmp(s->proxies[i]->name, name, n))
			return true;
	return false;
}

/* "expected the name of a proxy, got 'cach'; did you mean 'cache'?" */
static int proxy_unknown(const struct settings *s, const char *where, const char *name)
{
	struct suggestion near = { .word = name };
	char meant[SUGGEST_MAX];

	for (size_t i = 0; i < s->n_proxies; i++)
		suggest_try(&near, s->proxies[i]->name);
	return value_error("%s: expected the name of a proxy, got '%s'%s", where, name,
	                   suggest_show(&near, "", meant));
}

/* A rule of an unknown proxy is an error, for it would never strike. */
static int rules_check(const struct parse *r)
{
	char where[100], word[100];

	for (const struct file_rule *f = r->flags.rules; f; f = f->next) {
		snprintf(where, sizeof where, "[rule:%.80s]: proxy", f->name);
		if (f->proxy && !named(r->settings, f->proxy, strlen(f->proxy)))
			return proxy_unknown(r->settings, where, f->proxy);
	}
	for (const char *line = r->raw->rule; line;
	     line = line[strcspn(line, "\n")] ? strchr(line, '\n') + 1 : NULL) {
		size_t n;
		const char *name = line_named(line, &n);
		snprintf(word, sizeof word, "%.*s", (int)n, name);
		if (n && !named(r->settings, name, n))
			return proxy_unknown(r->settings, "rule", word);
	}
	return -1;
}

/* The defaults of a proxy of this protocol that the API creates. */
static int template_read(struct parse *all, const struct vn_protocol *protocol)
{
	static const struct proxy_config none;
	struct settings *s = all->settings;
	struct parse own;
	struct spec *made = NULL;

	overrides_begin(&own, all);
	overrides_forget(&own, false, false);
	opt_set_text(&own.core, flag_get(&own.flags, "protocol")->opt, protocol->name,
	             (char[ERROR_MAX]){ 0 });
	overrides_drop_unfit(&own, &none);
	int code = proxy_read(&own, "", &made);
	if (code == -1 && all->run)
		code = legs_read(&own, made);   /* proxies of `vaurien run` are copies of it */
	overrides_free(&own);
	if (code == -1)
		s->templates[s->n_templates++] = made;
	else
		spec_unref(made);
	return code;
}

static int templates_read(struct parse *r)
{
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	int code = -1;

	r->settings->templates = xcalloc(n + 1, sizeof(struct spec *));
	for (size_t i = 0; i < n && code == -1; i++)
		code = template_read(r, all[i]);
	return code;
}

/* The proxy of --proxy exists if it is configured, or if there is no other. */
static bool default_wanted(const struct parse *r)
{
	if (r->run)
		return flag_get(&r->flags, "backend")->level;
	return (!r->flags.proxies && !r->bare && !is_json(r->raw->config)) ||
	       flag_get(&r->flags, "proxy")->level || flag_get(&r->flags, "backend")->level ||
	       flag_get(&r->flags, "proxy-name")->level;
}

/* What `vaurien run` discovers, and the behavior and the rules of all its proxies. */
static int run_read(struct parse *r)
{
	struct settings *s = r->settings;
	bool all = !flag_get(&r->flags, "protocol")->level || flag_get(&r->flags, "backend")->level;
	int code = behavior_check(r);

	s->run->protocol = all ? NULL : protocol_find(r->raw->protocol);
	if (!all && !s->run->protocol) {
		struct spec *none = spec_make("");
		code = protocol_read(r, none);
		spec_unref(none);
	}
	if (code == -1)
		run_future_make(s, r->raw->rule);
	return code;
}

int proxies_build(struct parse *r)
{
	int code = adds_read(r);

	if (code == -1)
		code = templates_read(r);
	if (code == -1 && r->run)
		code = run_read(r);
	if (code == -1 && default_wanted(r))
		code = default_read(r);
	for (const struct proxy_config *p = r->flags.proxies; p && code == -1; p = p->next)
		if (!named(r->settings, p->name, strlen(p->name)))
			code = own_read(r, p, false);
	if (code == -1 && is_json(r->raw->config))
		code = toxiproxy_file_read(r->settings, r->raw->config);
	if (code != -1)
		return code;
	return r->run ? run_fits_check(r->settings) : rules_check(r);
}
