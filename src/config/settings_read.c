/* settings_read.c - the settings from command line, INI file and environment.
 *
 * The program's own flags are rows of a table here; those of behaviors and protocols come from the
 * tables of these. The command line overrides the file, the file overrides the default. */
#include "config/settings_read.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/completion.h"
#include "config/error.h"
#include "config/flags_file.h"
#include "config/help.h"
#include "config/help_short.h"
#include "config/pages.h"
#include "config/parse.h"
#include "config/plugin_flags.h"
#include "config/proxies.h"
#include "config/run_settings.h"
#include "config/tls_flags.h"
#include "spec/registry.h"

static const char *const levels[] = {
	"critical", "error", "warning", "info", "debug",
	"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", NULL
};
static const char *const headers[] = { "pass", "address", NULL };
static const char *const congestions[] = { "reno", "system", NULL };
static const char *const formats[] = { "text", "json", NULL };

#define OPTION(name_, type_, field, ...) \
	{ .name = name_, .type = type_, .offset = offsetof(struct raw_options, field), __VA_ARGS__ }

enum { OWN = true };                    /* a proxy may override it */

static const struct row {
	enum flag_group group;
	const char *value;              /* what --help calls its value */
	struct vn_opt opt;
	bool own;
} rows[] = {
	{ GROUP_PROXY, "HOST:PORT", OPTION("proxy", VN_OPT_TEXT, proxy, .def = "localhost:8000",
		.help = "where clients connect: HOST:PORT, [V6]:PORT, :PORT, unix:/PATH, or "
		        "udp://HOST:PORT for datagrams"), OWN },
	{ GROUP_PROXY, "HOST:PORT", OPTION("backend", VN_OPT_TEXT, backend, .def = "localhost:80",
		.help = "the server behind the proxy"), OWN },
	{ GROUP_PROXY, "NAME", OPTION("protocol", VN_OPT_TEXT, protocol, .def = "tcp",
		.help = "what client and server speak; --list shows the protocols"), OWN },
	{ GROUP_PROXY, "WORD", OPTION("proxy_protocol", VN_OPT_CHOICE, proxy_protocol,
		.def = "pass", .choices = headers,
		.help = "a PROXY header of a load balancer passes before a client's stream; "
		        "address: the client of rules is the one that it names"), OWN },
	{ GROUP_PROXY, "HOST:PORT", OPTION("known_as", VN_OPT_TEXT, known_as,
		.help = "addresses by which servers of a cluster call this backend, with blanks "
		        "or commas between; not given: the backend's"), OWN },
	{ GROUP_PROXY, "WORD", OPTION("topology", VN_OPT_CHOICE, topology, .def = "rewrite",
		.choices = topology_ways,
		.help = "addresses of servers in answers: rewrite puts the proxy's in their place, "
		        "hide leaves out all but this server, pass leaves them alone"), OWN },
	{ GROUP_PROXY, "WORD", OPTION("unmapped", VN_OPT_CHOICE, unmapped, .def = "pass",
		.choices = topology_unmapped,
		.help = "addresses that no proxy has: pass leaves them, with a warning; add makes "
		        "a proxy with the same rules; hide leaves them out"), OWN },
	{ GROUP_PROXY, "N", OPTION("discover", VN_OPT_INT, discover, .def = "64", .max = 1024,
		.help = "most proxies that --unmapped=add makes, in all") },
	{ GROUP_PROXY, "NAME", OPTION("proxy_name", VN_OPT_TEXT, proxy_name, .def = "default",
		.help = "name of the proxy in the API; random draws depend on it") },
	{ GROUP_PROXY, "WORDS", OPTION("add", VN_OPT_TEXT, add,
		.help = "a proxy more, any number of times: NAME=LISTEN=BACKEND or "
		        "NAME=LISTEN=BACKEND,PROTOCOL, and behind that its "
		        "own behavior=..., timeout=...") },
	{ GROUP_PROXY, NULL, OPTION("enabled", VN_OPT_BOOL, enabled, .def = "true",
		.help = "listen from the start; with =no it waits until the API enables it"), OWN },
	{ GROUP_PROXY, "SECONDS", OPTION("timeout", VN_OPT_TIME, timeout, .def = "30", .unit = VN_S,
		.help = "for connecting to the backend; if given, idle connections are closed "
		        "after it, too; 0: none"), OWN },
	{ GROUP_PROXY, NULL, OPTION("stay_connected", VN_OPT_BOOL, stay_connected,
		.help = "never close idle connections, whatever --timeout says"), OWN },
	{ GROUP_PROXY, "N", OPTION("pool_max_size", VN_OPT_INT, pool_max_size,
		.max = 1000000,
		.help = "most clients at a time; others wait in the backlog; 0 or not given: no "
		        "limit"), OWN },
	{ GROUP_PROXY, "N", OPTION("sessions", VN_OPT_INT, sessions, .def = "4096", .min = 1,
		.max = 1000000,
		.help = "most clients at a time of a proxy on udp://; one more ends the session "
		        "that is idle longest"), OWN },
	{ GROUP_PROXY, "N", OPTION("backlog", VN_OPT_INT, backlog, .def = "8192", .max = INT_MAX,
		.help = "connections that may wait to be accepted"), OWN },
	{ GROUP_PROXY, "BYTES", OPTION("bufsize", VN_OPT_INT, bufsize, .def = "262144", .min = 1,
		.max = 67108864,
		.help = "the buffer that a thread reads into") },
	{ GROUP_PROXY, "BYTES", OPTION("splice_from", VN_OPT_INT, splice_from, .def = "131072",
		.max = INT_MAX,
		.help = "reads of so much are bulk, which goes by splice where no rule and no "
		        "protocol needs to see it; 0: none is") },
	{ GROUP_PROXY, "WORD", OPTION("loopback_congestion", VN_OPT_CHOICE, loopback_congestion,
		.def = "reno",
		.choices = congestions,
		.help = "for bulk to this machine itself, where the system would pace it; system: "
		        "leave that") },
	{ GROUP_PROXY, "SECONDS", OPTION("linger", VN_OPT_TIME, linger, .def = "2", .unit = VN_S,
		.help = "how long a request that is held for ever outlives its client; 0: for "
		        "ever"), OWN },
	{ GROUP_PROXY, "BYTES", OPTION("hold_max", VN_OPT_TEXT, hold_max, .def = "8M",
		.help = "held bytes per connection and direction before reading stops; K, M and G "
		        "are understood"), OWN },
	{ GROUP_PROXY, "BYTES", OPTION("hold_total", VN_OPT_TEXT, hold_total, .def = "512M",
		.help = "held bytes in all before reading stops") },
	{ GROUP_PROXY, "N", OPTION("threads", VN_OPT_INT, threads, .def = "1", .min = 1, .max = 64,
		.help = "threads that carry connections") },
	{ GROUP_PROXY, "N", OPTION("seed", VN_OPT_TEXT, seed,
		.help = "seed of all random draws, 64 bits, decimal or 0x...; not given: drawn, "
		        "and logged") },

	{ GROUP_RUN, "PATTERN", OPTION("only", VN_OPT_TEXT, only,
		.help = "the only destinations that get a proxy, any number of times: HOST:PORT "
		        "with globs, ADDRESS/BITS[:PORT], unix:GLOB") },
	{ GROUP_RUN, "PATTERN", OPTION("except", VN_OPT_TEXT, except,
		.help = "destinations that are left alone, any number of times; it wins over "
		        "--only and --add") },
	{ GROUP_RUN, NULL, OPTION("no_discover", VN_OPT_BOOL, no_discover,
		.help = "proxies for the named backends only: --backend and --add") },
	{ GROUP_RUN, NULL, OPTION("require", VN_OPT_BOOL, require,
		.help = "exit with 125 if the command succeeds and a named proxy went unused, or, "
		        "in discovery, every proxy") },
	{ GROUP_RUN, NULL, OPTION("no_wait", VN_OPT_BOOL, no_wait,
		.help = "end processes that outlive the command instead of waiting for them") },
	{ GROUP_RUN, NULL, OPTION("allow_io_uring", VN_OPT_BOOL, allow_io_uring,
		.help = "let programs use io_uring, though connections made with it are not "
		        "seen") },

	{ GROUP_BEHAVIOR, "WEIGHTS", OPTION("behavior", VN_OPT_TEXT, behavior, .def = "100:dummy",
		.help = "a behavior, or percents of the exchanges such as 80:delay,20:error; what "
		        "is left of 100 is dummy"), OWN },

	{ GROUP_BEHAVIOR, "WORDS", OPTION("rule", VN_OPT_TEXT, rule,
		.help = "a rule beside that, any number of times: 'error failure=deadlock "
		        "match=\"^QUERY UPDATE\" times=1', or "
		        "'NAME: error ...' for the proxy of that name; --list shows the fields of "
		        "rules"), OWN },

	{ GROUP_BEHAVIOR, NULL, OPTION("require_hit", VN_OPT_BOOL, require_hit,
		.help = "exit with code 3, and name them, if some of the rules of the start never "
		        "struck") },

	{ GROUP_HTTP, NULL, OPTION("http", VN_OPT_BOOL, http,
		.help = "start the HTTP server by which behaviors are changed") },
	{ GROUP_HTTP, "HOST", OPTION("http_host", VN_OPT_TEXT, http_host, .def = "localhost",
		.help = "where it listens") },
	{ GROUP_HTTP, "PORT", OPTION("http_port", VN_OPT_INT, http_port, .def = "8080",
		.max = 65535,
		.help = "its port") },
	{ GROUP_HTTP, "TEXT", OPTION("http_token", VN_OPT_TEXT, http_token,
		.help = "only who shows it is answered: Authorization: Bearer TEXT; in a file it "
		        "may be ${VARIABLE}") },

	{ GROUP_LOGS, "LEVEL", OPTION("log_level", VN_OPT_CHOICE, log_level, .def = "info",
		.choices = levels,
		.help = "what is logged") },
	{ GROUP_LOGS, "FORMAT", OPTION("log_format", VN_OPT_CHOICE, log_format, .def = "text",
		.choices = formats,
		.help = "lines for people, or objects in JSON") },
	{ GROUP_LOGS, "FILE", OPTION("log_output", VN_OPT_TEXT, log_output, .def = "-",
		.help = "a file to append to; - is the standard error") },

	{ GROUP_LOGS, "FILE", OPTION("events", VN_OPT_TEXT, events,
		.help = "a file to append events to, a connection, a fault or a change as a line "
		        "of JSON; - is the standard output") },

	{ GROUP_STATSD, NULL, OPTION("statsd.enabled", VN_OPT_BOOL, statsd_enabled,
		.help = "send counters to a statsd server") },
	{ GROUP_STATSD, "HOST", OPTION("statsd.host", VN_OPT_TEXT, statsd_host, .def = "localhost",
		.help = "its host") },
	{ GROUP_STATSD, "PORT", OPTION("statsd.port", VN_OPT_INT, statsd_port, .def = "8125",
		.min = 1,
		.max = 65535,
		.help = "its UDP port") },
	{ GROUP_STATSD, "TEXT", OPTION("statsd.prefix", VN_OPT_TEXT, statsd_prefix,
		.def = "vaurien",
		.help = "what counters' names begin with") },
	{ GROUP_STATSD, "RATE", OPTION("statsd.sample_rate", VN_OPT_REAL, statsd_rate, .def = "1.0",
		.max = 1,
		.help = "the share of the counts that is sent") },

	{ GROUP_FLEET, "URL", OPTION("fleet", VN_OPT_TEXT, fleet,
		.help = "be a member of a fleet, whose rules come from etcd: "
		        "etcd://HOST:PORT[,HOST:PORT]/PREFIX") },
	{ GROUP_FLEET, "LABELS", OPTION("fleet_labels", VN_OPT_TEXT, fleet_labels,
		.help = "by which fleet rules find this member, such as app=shop,zone=a") },
	{ GROUP_FLEET, "NAME", OPTION("fleet_name", VN_OPT_TEXT, fleet_name,
		.help = "what the member is called: one name, one member; not given: HOST:PORT of "
		        "its API") },
	{ GROUP_FLEET, "FILE", OPTION("fleet_ca", VN_OPT_TEXT, fleet_ca,
		.help = "certificates that sign etcd's; with it, or with a certificate of ours, "
		        "etcd is reached by TLS") },
	{ GROUP_FLEET, "FILE", OPTION("fleet_cert", VN_OPT_TEXT, fleet_cert,
		.help = "our certificate for etcd") },
	{ GROUP_FLEET, "FILE", OPTION("fleet_key", VN_OPT_TEXT, fleet_key,
		.help = "its private key") },
	{ GROUP_FLEET, "NAME:PASSWORD", OPTION("fleet_user", VN_OPT_TEXT, fleet_user,
		.help = "our login at etcd; in a file it may be ${VARIABLE}") },

	{ GROUP_TLS, "DIR", OPTION("tls_dir", VN_OPT_TEXT, tls_dir,
		.help = "where Vaurien's own CA is kept, ca.pem and ca.key; not given: "
		        "$STATE_DIRECTORY, else ~/.local/share/vaurien") },
	{ GROUP_TLS, "SECONDS", OPTION("tls_timeout", VN_OPT_TIME, tls_timeout, .def = "30",
		.unit = VN_S,
		.help = "for each handshake; 0: none") },
	{ GROUP_TLS, "FILE", OPTION("tls_keylog", VN_OPT_TEXT, tls_keylog,
		.help = "append the secrets of all TLS connections to a file, for Wireshark") },

	{ GROUP_GENERAL, "FILE", OPTION("config", VN_OPT_TEXT, config,
		.help = "an INI file with these options; the command line wins") },
	{ GROUP_GENERAL, NULL, OPTION("watch_config", VN_OPT_BOOL, watch_config,
		.help = "read that file again when it changes, as at SIGHUP") },
	{ GROUP_GENERAL, "FILE", OPTION("plugin", VN_OPT_TEXT, plugin,
		.help = "a behavior or a protocol of your own, any number of times: FILE.so or "
		        "FILE.lua") },
	{ GROUP_GENERAL, "WHAT", OPTION("list", VN_OPT_TEXT, list,
		.help = "show behaviors, protocols, failures, rules (the fields of rules) or udp, "
		        "one of these by its name, or without WHAT all of it") },
	{ GROUP_GENERAL, NULL, OPTION("version", VN_OPT_BOOL, version,
		.help = "show the version") },
	{ GROUP_GENERAL, "WHAT", OPTION("help", VN_OPT_TEXT, help,
		.help = "show the options that people use; all of them; or what --list shows, or "
		        "an option, by its name") },

	{ GROUP_OLDER, "SECONDS", OPTION("pool_timeout", VN_OPT_INT, pool_timeout, .def = "30",
		.help = "changes nothing") },
	{ GROUP_OLDER, NULL, OPTION("sync", VN_OPT_BOOL, sync, .help = "changes nothing") },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* The program's own flags. They name the plugins, whose flags parse_guests() adds. */
static void parse_begin(struct parse *r, struct settings *settings)
{
	r->settings = settings;
	r->options = xcalloc(ROWS + 1, sizeof *r->options);
	for (size_t i = 0; i < ROWS; i++)
		r->options[i] = rows[i].opt;
	opt_values_init(&r->core, r->options, sizeof *r->raw);
	r->raw = r->core.opts;
	for (size_t i = 0; i < ROWS; i++) {
		struct flag *f = flags_add(&r->flags, rows[i].group, "", &r->options[i], &r->core);
		f->value = rows[i].value;
		f->own = rows[i].own;
		if (!strcmp(f->name, "list"))
			f->alone = "text";
		if (!strcmp(f->name, "help"))
			f->alone = "short";
		f->many = !strcmp(f->name, "rule") || !strcmp(f->name, "plugin") ||
		          !strcmp(f->name, "add") || !strcmp(f->name, "only") ||
		          !strcmp(f->name, "except");
	}
	tls_flags_add(r);
}

static void parse_guests(struct parse *r)
{
	size_t n;
	const struct vn_protocol *const *p = protocols_all(&n);
	r->protocols = xcalloc(n + 1, sizeof *r->protocols);
	for (size_t i = 0; i < n; i++) {
		opt_values_init(&r->protocols[i], p[i]->options, p[i]->opts_size);
		flags_add_guest(&r->flags, GROUP_PROTOCOLS, "protocol", p[i]->name, p[i]->help,
		                p[i]->options, &r->protocols[i]);
	}

	struct defaults *d = r->defaults = defaults_make();
	for (size_t i = 0; i < d->n; i++) {
		const struct vn_behavior *b = d->of[i].behavior;
		flags_add_guest(&r->flags, GROUP_BEHAVIORS, "behavior", b->name, b->help,
		                b->options, &d->of[i].values);
	}
}

static void parse_free(struct parse *r)
{
	size_t n;
	protocols_all(&n);
	for (size_t i = 0; r->protocols && i < n; i++)
		opt_values_free(&r->protocols[i]);
	free(r->protocols);
	defaults_unref(r->defaults);
	flags_free(&r->flags);
	opt_values_free(&r->tls);
	opt_values_free(&r->core);
	free(r->options);
}

/* The value of --list. The pages of docs/ and the list for shells have names, too. */
static int list_show(const struct parse *r)
{
	static const struct { const char *name; void (*show)(FILE *); } all[] = {
		{ "text", help_list }, { "behaviors.md", page_behaviors },
		{ "protocols.md", page_protocols }, { "failures.md", page_failure_names },
		{ "tls-options.md", page_tls_options },
	};
	const char *name = r->raw->list;
	char meant[SUGGEST_MAX];

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (!strcmp(all[i].name, name)) {
			all[i].show(stdout);
			return -1;
		}
	if (!strcmp(name, "words"))
		completion_list(stdout, &r->flags);
	else if (!help_list_one(stdout, name))
		return usage_error("argument --list: expected behaviors, protocols, failures, "
		                   "rules, udp or the name of one of these, got '%s'%s", name,
		                   help_list_suggest(name, meant));
	return -1;
}

/* A program of its own has its own help. */
static bool help_auditor(const char *name)
{
	bool its = !strcmp(name, "audit") || !strcmp(name, "scenario");

	if (its)
		printf("`vaurien %s --help` shows its options.\n", name);
	return its;
}

/* The value of --help: a page, or what help_list_one() knows, or an option. */
static int help_show(const struct parse *r)
{
	static const struct {
		const char *name;
		void (*show)(FILE *, const struct flags *);
	} pages[] = { { "short", help_short_print }, { "all", help_print } };
	const char *name = r->run && !strcmp(r->raw->help, "short") ? "run" : r->raw->help;
	char meant[SUGGEST_MAX];

	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (!strcmp(pages[i].name, name)) {
			pages[i].show(stdout, &r->flags);
			return -1;
		}
	if (!strcmp(name, "run"))
		puts("usage: vaurien run [OPTION ...] -- COMMAND [ARGUMENT ...]\n\n"
		     "Starts a command and carries its connections, so that faults reach them.\n"
		     "It takes the other options of vaurien, too: vaurien --help all.");
	bool found = help_list_one(stdout, name);
	found |= help_group_one(stdout, &r->flags, name);
	if (found || help_flag_one(stdout, &r->flags, name) || help_auditor(name))
		return -1;
	return usage_error("argument --help: expected all, behaviors, protocols, failures, rules, "
	                   "udp, the name of one of these or of an option, got '%s'%s", name,
	                   help_flag_suggest(&r->flags, name, meant));
}

/* Write what --help, --version or --list ask for. -1: none of them was given. */
static int show(const struct parse *r)
{
	int code = -1;

	if (r->raw->help)
		code = help_show(r);
	else if (r->raw->version)
		puts(VAURIEN_VERSION);
	else if (!r->raw->list)
		return -1;
	else
		code = list_show(r);
	return fflush(stdout) ? 1 : code == -1 ? 0 : code;
}

static int hold_read(struct parse *r)
{
	if (size_read(r->raw->hold_total, &r->settings->hold_total))
		return -1;
	return flag_error(flag_get(&r->flags, "hold-total"),
	                  "a number of bytes, such as 65536, 64K, 8M or 1G", r->raw->hold_total);
}

static int seed_read(struct parse *r)
{
	const char *text = r->raw->seed;
	char *end;

	if (!text || !*text) {
		uint64_t *seed = &r->settings->seed;
		if (getrandom(seed, sizeof *seed, 0) != sizeof *seed)
			return value_error("--seed: the system has no random numbers, give one");
		return -1;
	}
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	errno = 0;
	r->settings->seed = strtoull(text, &end, hex ? 16 : 10);
	if (!isxdigit((unsigned char)text[hex ? 2 : 0]) || *end || errno)
		return flag_error(flag_get(&r->flags, "seed"),
		                  "a number of 64 bits, decimal or 0x...", text);
	return -1;
}

/* A copy; of NULL "". */
static int empty_error(const struct flag *f, const char *expected)
{
	if (f->level == 1)
		return usage_error("argument --%s: expected %s", f->name, expected);
	return value_error("%s: expected %s", f->name, expected);
}

/* An empty value may come from a variable that is not set. It must not open the API. */
static int access_read(struct parse *r)
{
	const struct flag *token = flag_get(&r->flags, "http-token");
	const struct flag *host = flag_get(&r->flags, "http-host");
	const char *text = r->raw->http_token;
	size_t n = text ? strlen(text) : 0;
	bool good = n && !isspace((unsigned char)text[0]) && !isspace((unsigned char)text[n - 1]);

	if (token->level && !n)
		return empty_error(token, "a text");
	for (size_t i = 0; i < n; i++)
		good &= !iscntrl((unsigned char)text[i]);
	if (token->level && !good)
		return empty_error(token, "a text without control characters, and without a blank "
		                          "at either end");
	if (host->level && !(r->raw->http_host && *r->raw->http_host))
		return empty_error(host, "a name, an address or unix:/PATH");
	return -1;
}

/* Nor may it leave out a file that was wanted, or have a key written to another place. */
static int paths_check(struct parse *r)
{
	const struct flag *events = flag_get(&r->flags, "events");
	const struct flag *folder = flag_get(&r->flags, "tls-dir");

	if (events->level && !*r->raw->events)
		return empty_error(events, "a file");
	if (folder->level && !*r->raw->tls_dir)
		return empty_error(folder, "a directory");
	return -1;
}

/* Options of a fleet without the fleet would do nothing. */
static int fleet_check(struct parse *r)
{
	static const char *const others[] = {
		"fleet-labels", "fleet-name", "fleet-ca", "fleet-cert", "fleet-key", "fleet-user",
	};

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		const struct flag *f = flag_get(&r->flags, others[i]);
		if (f->level && !r->raw->fleet)
			return empty_error(f, "--fleet beside it");
	}
	if (flag_get(&r->flags, "fleet")->level && !*r->raw->fleet)
		return empty_error(flag_get(&r->flags, "fleet"),
		                   "etcd://HOST:PORT[,HOST:PORT]/PREFIX");
	return -1;
}

static void fleet_settings_read(struct fleet_settings *f, const struct raw_options *w)
{
	f->url = xstrdup(w->fleet);
	f->name = xstrdup(w->fleet_name);
	f->labels = xstrdup(w->fleet_labels);
	f->ca = xstrdup(w->fleet_ca);
	f->cert = xstrdup(w->fleet_cert);
	f->key = xstrdup(w->fleet_key);
	f->user = xstrdup(w->fleet_user);
}

static char *text_of(const char *text)
{
	return xstrdup(text ? text : "");
}

static void rest_read(struct parse *r)
{
	const struct raw_options *w = r->raw;
	struct settings *s = r->settings;

	s->http = w->http;
	s->http_host = text_of(w->http_host);
	s->http_port = w->http_port;
	s->http_token = text_of(w->http_token);
	s->statsd.enabled = w->statsd_enabled;
	s->statsd.host = text_of(w->statsd_host);
	s->statsd.port = w->statsd_port;
	s->statsd.prefix = text_of(w->statsd_prefix);
	s->statsd.sample_rate = w->statsd_rate;
	fleet_settings_read(&s->fleet, w);
	s->watch_config = w->watch_config;
	s->log_output = text_of(w->log_output);
	s->events = text_of(w->events);
	s->threads = w->threads;
	s->bufsize = w->bufsize;
	s->splice_from = w->splice_from;
	s->discover = w->discover;
	s->reno = !strcmp(w->loopback_congestion, "reno");
	s->timeout = (double)w->timeout / VN_S;
	s->pool_max_size = w->pool_max_size;
	s->stay_connected = w->stay_connected;
	s->require_hit = w->require_hit;
	s->given.pool_max_size = flag_get(&r->flags, "pool-max-size")->level;
	s->given.timeout = flag_get(&r->flags, "timeout")->level;
}

/* What `vaurien run` alone takes is an error elsewhere, for it would change nothing. */
static int run_check(const struct parse *r)
{
	for (size_t i = 0; i < r->flags.n && !r->run; i++)
		if (r->flags.at[i].group == GROUP_RUN && r->flags.at[i].level == 1)
			return usage_error("argument --%s: expected 'vaurien run' before it",
			                   r->flags.at[i].name);
	return -1;
}

static int run_read(struct parse *r)
{
	struct run_settings *run;
	const struct flag *listen = flag_get(&r->flags, "proxy");

	if (!r->run)
		return run_check(r);
	if (listen->level == 1)
		return usage_error("argument --proxy: expected none, since the listeners of "
		                   "'vaurien run' are private");
	if (!r->flags.rest[0])
		return usage_error("run: expected a command, as in: vaurien run -- COMMAND");
	run = r->settings->run = xcalloc(1, sizeof *run);
	run->command = r->flags.rest;
	run->discover = !r->raw->no_discover;
	run->only = xstrdup(r->raw->only);
	run->except = xstrdup(r->raw->except);
	run->no_wait = r->raw->no_wait;
	run->require = r->raw->require;
	run->allow_io_uring = r->raw->allow_io_uring;
	run->behavior = xstrdup(r->raw->behavior);
	run->http = r->raw->http;
	return -1;
}

static bool protocol_spoken(const struct settings *s, const char *protocol)
{
	for (size_t i = 0; i < s->n_proxies; i++)
		if (!strcmp(s->proxies[i]->protocol->name, protocol))
			return true;
	return false;
}

/* Open the log, and write the warnings that were kept. */
static int log_begin(struct parse *r)
{
	static const enum log_level order[] = {
		LOG_CRITICAL, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG
	};
	bool quiet = r->run && !flag_get(&r->flags, "log-level")->level;
	const char *level = quiet ? "warning" : r->raw->log_level;

	for (size_t i = 0; levels[i]; i++)
		if (!strcmp(levels[i], level))
			log_threshold = order[i % 5];
	log_json = !strcmp(r->raw->log_format, "json");
	if (!log_open(r->raw->log_output))
		return value_error("log_output: cannot write to '%s': %s", r->raw->log_output,
		                   strerror(errno));

	flags_warn(&r->flags);
	for (size_t i = 0; i < r->flags.n; i++) {
		const struct flag *f = &r->flags.at[i];
		if (f->opt->type == VN_OPT_INERT && f->on && protocol_spoken(r->settings, f->guest))
			log_warning("--%s changes nothing: %s", f->name, f->opt->help);
	}
	return -1;
}

static int config_read(struct parse *r)
{
	const char *file = r->raw->config;

	return file && !is_json(file) ? flags_read_file(&r->flags, file) : -1;
}

static int parse_run(struct parse *r, int argc, char **argv)
{
	int code = plugins_read(&r->flags, argc, argv);

	if (code != -1)
		return code;
	parse_guests(r);
	if ((code = flags_read_line(&r->flags, argc, argv)) != -1 || (code = show(r)) != -1 ||
	    (code = config_read(r)) != -1 || (code = access_read(r)) != -1 ||
	    (code = paths_check(r)) != -1 || (code = fleet_check(r)) != -1 ||
	    (code = tls_globals_read(r)) != -1 ||
	    (code = seed_read(r)) != -1 ||
	    (code = hold_read(r)) != -1 || (code = run_read(r)) != -1 ||
	    (code = proxies_build(r)) != -1)
		return code;
	rest_read(r);
	if (r->raw->watch_config && (!r->raw->config || is_json(r->raw->config)))
		return empty_error(flag_get(&r->flags, "watch-config"),
		                   "--config with an INI file beside it");
	return log_begin(r);
}

static int read_all(struct settings *s, int argc, char **argv, struct parse how)
{
	struct parse r = how;

	*s = (struct settings){ .n_proxies = 0 };
	parse_begin(&r, s);
	int code = parse_run(&r, argc, argv);
	parse_free(&r);
	if (code != -1)
		settings_free(s);
	return code;
}

int settings_read(struct settings *s, int argc, char **argv)
{
	return read_all(s, argc, argv, (struct parse){ 0 });
}

int settings_read_bare(struct settings *s, int argc, char **argv)
{
	return read_all(s, argc, argv, (struct parse){ .bare = true });
}

int settings_read_run(struct settings *s, int argc, char **argv)
{
	struct parse how = { .bare = true, .run = true };

	how.flags.ends = true;
	return read_all(s, argc, argv, how);
}
