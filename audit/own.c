/* own.c - the Vaurien that is audited: started for the run, or attached to. */
#include "audit/own.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

#define START_MOST  20.0                /* seconds until its API answers */
#define LOOK_EVERY  0.1
#define LOCK        "audit-run"         /* a rule that does nothing: an audit runs */

/* ---- start ---- */

/* `vaurien` beside this program. To be freed. */
static char *program_path(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');
	return xasprintf("%.*s/vaurien", slash ? (int)(slash - self) : 0, self);
}

static void own_ended(struct process *p)
{
	struct run *run = (struct run *)((char *)p - offsetof(struct run, own));
	char status[24];
	const char *last = p->text ? p->text : "";

	for (const char *line = last; (line = strchr(line, '\n')) && line[1]; line++)
		last = line + 1;
	run_end(run, "api_lost", "vaurien has ended (%s): %.*s", process_status(p, status),
	        (int)strcspn(last, "\n"), last);
}

/* The words of the user, and an API of its own behind them: what comes last counts. */
static const char **own_words(struct run *run, char *program, char *socket, char *seed)
{
	struct options *o = run->options;
	const char *config = option_values(o)->config;
	const char **words = xcalloc(o->own.n + 12, sizeof *words);
	size_t n = 0;

	words[n++] = program;
	for (size_t i = 0; i < o->own.n; i++)
		words[n++] = o->own.at[i];
	if (config) {
		words[n++] = "--config";
		words[n++] = config;
	}
	words[n++] = "--http";
	words[n++] = "--http-host";
	words[n++] = socket;
	words[n++] = "--seed";
	words[n++] = seed;
	return words;
}

/* The user's own API, if there is one: then --stay has a use for it. */
static char *own_url(struct run *run)
{
	const struct settings *s = &run->options->settings;
	bool path = !strncmp(s->http_host, "unix:", 5);
	bool all = !*s->http_host || !strcmp(s->http_host, "0.0.0.0") ||
	           !strcmp(s->http_host, "::");

	if (!s->http || (!path && !s->http_port))
		return xasprintf("unix:%s/api", run->folder);
	if (path)
		return xstrdup(s->http_host);
	return xasprintf(strchr(s->http_host, ':') && !all ? "http://[%s]:%" PRId64 :
	                 "http://%s:%" PRId64, all ? "localhost" : s->http_host, s->http_port);
}

static bool own_answers(struct run *run)
{
	double most = poller_now() + START_MOST;

	while (!run->how && poller_now() < most) {
		run->api.lost = false;
		if (api_ask(&run->api, "GET", "/info", NULL, NULL) == 200)
			return true;
		run_until(run, poller_now() + 0.02, NULL);
	}
	run_end(run, "not_started", "vaurien does not answer: %.200s", run->api.why);
	return false;
}

bool own_start(struct run *run)
{
	const struct settings *s = &run->options->settings;
	char folder[] = "/tmp/vaurien-audit-XXXXXX", seed[32], error[ERROR_MAX];

	if (!mkdtemp(folder)) {
		run_end(run, "not_started", "cannot make a directory in /tmp");
		return false;
	}
	run->folder = xstrdup(folder);
	char *url = own_url(run), *program = program_path();
	char *host = xstrdup(!strncmp(url, "unix:", 5) ? url : s->http_host);
	snprintf(seed, sizeof seed, "%" PRIu64, s->seed);
	const char **words = own_words(run, program, host, seed);
	run->own.all = run->own.tail = true;
	run->own.ended = own_ended;
	process_log(&run->own, option_values(run->options)->report, "vaurien.log");
	bool good = api_init(&run->api, &run->poller, url, *s->http_token ? s->http_token : NULL,
	                     error) &&
	            process_start(&run->own, words, NULL, error);
	if (!good)
		run_end(run, "not_started", "%s", error);
	free(words);
	free(program);
	free(host);
	free(url);
	return good && own_answers(run);
}

void own_forget(struct run *run)
{
	char path[PATH_MAX];

	if (!run->folder)
		return;
	snprintf(path, sizeof path, "%s/api", run->folder);
	unlink(path);
	rmdir(run->folder);
	free(run->folder);
	run->folder = NULL;
}

/* It is not reaped: process_kill() does that. */
static bool own_runs(const struct run *run)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, (id_t)run->own.pid, &info, WEXITED | WNOHANG | WNOWAIT);
	return !info.si_pid;
}

void own_stop(struct run *run)
{
	double most = poller_now() + 5;

	if (run->own.pid) {
		run->own.ended = NULL;
		kill(run->own.pid, SIGTERM);
		while (own_runs(run) && poller_now() < most)
			usleep(2000);
		process_kill(&run->own);
	}
	process_clear(&run->own);
	own_forget(run);
}

/* ---- meet ---- */

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The offset of its clock, by the quickest of five round trips. */
static json_t *clock_compare(struct run *run)
{
	json_t *best = NULL;
	double least = 1e9;

	for (int i = 0; i < 5 && !run->how; i++) {
		json_t *info = NULL;
		double asked = poller_now();
		long status = api_ask(&run->api, "GET", "/info", NULL, &info);
		double took = poller_now() - asked;
		if (status != 200 || !json_is_object(info)) {
			char why[ERROR_MAX];
			run_end(run, "not_started", "GET /info: %s%s", api_sentence(info, why),
			        status ? "" : "; expected a Vaurien that runs with --http");
			json_decref(info);
			break;
		}
		if (took < least && json_is_number(json_object_get(info, "time"))) {
			least = took;
			run->record.offset = json_number_value(json_object_get(info, "time")) -
			                     (asked + took / 2);
			run->record.uncertainty = run->clock_uncertainty = took / 2;
		}
		json_decref(best);
		best = info;
	}
	if (best && least == 1e9) {
		run_end(run, "not_started", "the Vaurien is too old for an audit: expected 3.0 or "
		        "later, got %.40s", text_at(best, "version"));
	}
	return best;
}

/* Must it be left alone? --only names those that are not. */
struct only { struct run *run; bool good; };

static bool only_take(void *user, const char *name)
{
	struct only *only = user;
	int proxy = record_find_proxy(&only->run->record, name);
	struct suggestion near = { .word = name };
	char meant[SUGGEST_MAX];

	if (proxy >= 0) {
		only->run->record.proxies.at[proxy].injected = true;
		return true;
	}
	for (size_t i = 0; i < only->run->record.proxies.n; i++)
		suggest_try(&near, only->run->record.proxies.at[i].name);
	run_end(only->run, "usage", "--only: expected the name of a proxy, got '%.60s'%s", name,
	        suggest_show(&near, "", meant));
	return only->good = false;
}

bool own_only(struct run *run)
{
	const char *list = option_values(run->options)->only;
	struct only only = { run, true };

	if (!list)
		return true;
	for (size_t i = 0; i < run->record.proxies.n; i++)
		run->record.proxies.at[i].injected = false;
	list_each(list, only_take, &only);
	return only.good;
}

bool vaurien_meet(struct run *run)
{
	json_t *info = clock_compare(run), *proxies = json_object_get(info, "proxies"), *proxy;
	bool tls = false;
	size_t i;

	if (run->how) {
		json_decref(info);
		return false;
	}
	run->seed = strtoull(text_at(info, "seed"), NULL, 10);
	run->filter = !strcmp(text_at(info, "vanish"), "filter");
	run->proxies = xcalloc(json_array_size(proxies), sizeof *run->proxies);
	json_array_foreach(proxies, i, proxy) {
		record_add_proxy(&run->record, text_at(proxy, "name"), text_at(proxy, "protocol"),
		                 text_at(proxy, "listen"), text_at(proxy, "backend"));
		run->proxies[i].backend = xstrdup(text_at(proxy, "backend"));
		run->proxies[i].vanishes = run->filter;
		run->proxies[i].tls = *text_at(proxy, "client_tls");
		tls |= run->proxies[i].tls;
	}
	if (tls && *text_at(info, "ca") && api_local(&run->api) && !run->ca)
		run->ca = xstrdup(text_at(info, "ca"));
	json_decref(info);
	if (!run->record.proxies.n)
		run_end(run, "not_started", "the Vaurien has no proxies");
	return !run->how && own_only(run);
}

/* ---- calm ---- */

/* Rules that the proxy has; with --attach there must be none. */
static void rules_note(struct run *run, unsigned number, const json_t *rules)
{
	char *names = NULL;
	size_t size, i;
	json_t *rule;
	FILE *to = open_memstream(&names, &size);

	fputc(',', to);
	json_array_foreach(rules, i, rule) {
		const char *name = text_at(rule, "name");
		fprintf(to, "%s,", name);
		if (!strcmp(name, LOCK))
			run_end(run, "not_started", "another audit of this Vaurien runs");
		else if (option_values(run->options)->attach)
			run_end(run, "not_started", "rule '%.60s' (%.40s) of proxy '%.60s' is in "
			        "force: expected none; wait until it ends, or remove all rules: "
			        "vaurienctl reset", name,
			        text_at(rule, "behavior"), run->record.proxies.at[number].name);
	}
	fclose(to);
	run->proxies[number].rules = names;
}

static void lock_renewed(void *user, long status, const json_t *reply)
{
	struct run *run = user;

	if (status == 404)
		run_end(run, "changed_by_others", "rule '" LOCK "' was removed by others");
}

static void lease_renew(struct poll_timer *t)
{
	struct run *run = (struct run *)((char *)t - offsetof(struct run, lease));
	char *path = api_path(run->record.proxies.at[0].name, "rules", LOCK, NULL);

	api_send(&run->api, "PUT", path, json_pack("{s:s}", "ttl", "10s"), lock_renewed, run);
	free(path);
	poller_set(&run->poller, t, poller_now() + 3);
}

/* A rule that does nothing, with a lease: while it is there, no second audit begins. */
static bool lock_take(struct run *run)
{
	json_t *reply = NULL;
	char *path = api_path(run->record.proxies.at[0].name, "rules", NULL), why[ERROR_MAX];
	long status = api_ask(&run->api, "POST", path,
	                      json_pack("{s:s, s:s, s:s}", "name", LOCK, "behavior", "dummy",
	                                "ttl", "10s"), &reply);

	if (status != 200)
		run_end(run, "not_started", "cannot reserve the Vaurien: %s",
		        api_sentence(reply, why));
	json_decref(reply);
	free(path);
	run->lease.fire = lease_renew;
	if (status == 200)
		poller_set(&run->poller, &run->lease, poller_now() + 3);
	return status == 200;
}

bool vaurien_calm(struct run *run)
{
	for (size_t i = 0; i < run->record.proxies.n && !run->how; i++) {
		json_t *reply = NULL;
		char *path = api_path(run->record.proxies.at[i].name, "rules", NULL);
		if (api_ask(&run->api, "GET", path, NULL, &reply) != 200)
			run_end(run, "not_started", "GET %s: no rules", path);
		else
			rules_note(run, (unsigned)i, json_object_get(reply, "rules"));
		json_decref(reply);
		free(path);
	}
	return !run->how && lock_take(run);
}

/* ---- watch ---- */

/* A list of names, "a,b,", as the proxy had them at first. */
static bool rule_known(const struct run *run, unsigned proxy, const char *name)
{
	const char *known = run->proxies[proxy].rules, *at = known;
	size_t n = strlen(name);

	if (!strncmp(name, "audit-", 6))
		return true;
	while ((at = strstr(at, name))) {
		if (at > known && at[-1] == ',' && at[n] == ',')
			return true;
		at++;
	}
	return false;
}

struct changed { struct run *run; unsigned proxy; const char *by; };

static void changed_rules(const struct changed *c, const char *names)
{
	while (*(names += strspn(names, " "))) {
		size_t n = strcspn(names, " ");
		char *name = xstrndup(names, n);
		if (!rule_known(c->run, c->proxy, name))
			run_end(c->run, "changed_by_others", "rule '%.60s' of proxy '%.60s' was "
			        "set by %.60s", name, c->run->record.proxies.at[c->proxy].name,
			        c->by);
		free(name);
		names += n;
	}
}

/* `rules` is a text, "a b". The behavior is a rule, too, of the name "behavior". */
static void changed_take(struct run *run, const json_t *event)
{
	int proxy = record_find_proxy(&run->record, text_at(event, "proxy"));
	const char *by = text_at(event, "by"), *what = text_at(event, "what");
	struct changed changed = { run, (unsigned)proxy, by };

	if (!run->calm_known || proxy < 0)
		return;
	if (strcmp(what, "changed"))
		run_end(run, "changed_by_others", "proxy '%.60s' was %.20s by %.60s",
		        text_at(event, "proxy"), what, by);
	changed_rules(&changed, text_at(event, "rules"));
	if (strcmp(text_at(event, "backend"), run->proxies[proxy].backend))
		run_end(run, "changed_by_others", "the backend of proxy '%.60s' was changed by "
		        "%.60s", text_at(event, "proxy"), by);
}

/* Of a rule that has hit nothing: what came nearest. */
static void missed_take(struct run *run, const json_t *event)
{
	struct experiment *e = run->now ? run->now->record : NULL;
	const char *nearest = text_at(event, "nearest");

	if (!e || strncmp(text_at(event, "rule"), "audit-", 6) || !*nearest ||
	    !strcmp(text_at(event, "rule"), LOCK))
		return;
	free(e->missed);
	e->missed = xstrdup(nearest);
}

static void event_take(void *user, const json_t *event)
{
	struct run *run = user;
	const char *type = text_at(event, "type");

	if (!strcmp(type, "changed"))
		changed_take(run, event);
	else if (!strcmp(type, "missed"))
		missed_take(run, event);
	record_event(&run->record, event);
}

static void looked(void *user, long status, const json_t *info)
{
	struct run *run = user;
	const json_t *proxies = json_object_get(info, "proxies"), *proxy;
	double now = poller_now();
	size_t i;

	run->looking = false;
	if (run->api.lost)
		run_end(run, "api_lost", "%s", run->api.why);
	record_clock(&run->record, json_number_value(json_object_get(info, "time")),
	             run->looked, now);
	json_array_foreach(proxies, i, proxy) {
		int number = record_find_proxy(&run->record, text_at(proxy, "name"));
		if (number >= 0)
			record_look(&run->record, (unsigned)number, now, proxy);
	}
}

static void look(struct poll_timer *t)
{
	struct run *run = (struct run *)((char *)t - offsetof(struct run, look));

	if (run->api.lost)
		run_end(run, "api_lost", "%s", run->api.why);
	poller_set(&run->poller, t, poller_now() + LOOK_EVERY);
	if (run->looking || run->api.lost)
		return;
	run->looking = true;
	run->looked = poller_now();
	api_send(&run->api, "GET", "/info", NULL, looked, run);
}

static bool stream_open(struct run *run)
{
	return api_events_open(&run->api) || run->api.lost;
}

bool vaurien_watch(struct run *run)
{
	api_events(&run->api, "opened,closed,fault,unreachable,missed,raw,changed,exchange,gave_up,"
	           "mark", event_take, run);
	run_until(run, poller_now() + API_SILENT, stream_open);
	if (!run->how && (run->api.lost || !api_events_open(&run->api)))
		run_end(run, "not_started", "%s", run->api.lost ? run->api.why :
		        "GET /events: no answer in 5 s");
	if (run->how)
		return false;
	vaurien_connections(run);
	run->calm_known = true;
	run->look.fire = look;
	poller_set(&run->poller, &run->look, poller_now());
	return true;
}

void vaurien_leave(struct run *run)
{
	char *path;

	run->calm_known = false;
	poller_stop(&run->poller, &run->look);
	poller_stop(&run->poller, &run->lease);
	if (run->lease.fire && !run->api.lost) {
		path = api_path(run->record.proxies.at[0].name, "rules", LOCK, NULL);
		api_ask(&run->api, "DELETE", path, NULL, NULL);
		free(path);
	}
}

void vaurien_connections(struct run *run)
{
	for (size_t i = 0; i < run->record.proxies.n && !run->api.lost; i++) {
		json_t *reply = NULL;
		char *path = api_path("proxies", run->record.proxies.at[i].name, "connections",
		                      NULL);
		char *limited = xasprintf("%s?limit=100000", path);
		if (api_ask(&run->api, "GET", limited, NULL, &reply) == 200)
			record_connections(&run->record, (unsigned)i, reply, poller_now());
		json_decref(reply);
		free(path);
		free(limited);
	}
}

/* ---- backends ---- */

struct reaching { struct transfer transfer; bool done; CURLcode code; };

static void reached(struct transfer *t, CURLcode code)
{
	struct reaching *r = (struct reaching *)((char *)t - offsetof(struct reaching, transfer));

	r->done = true;
	r->code = code;
}

static CURL *reach(const char *backend)
{
	CURL *easy = xalloced(curl_easy_init());
	bool path = !strncmp(backend, "unix:", 5);
	char *url = xasprintf("http://%s%s", *backend == ':' ? "localhost" : "",
	                      path ? "localhost" : backend);

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 5000L);
	if (path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, backend + 5);
	free(url);
	return easy;
}

bool backends_reachable(struct run *run)
{
	for (size_t i = 0; i < run->record.proxies.n && !run->how; i++) {
		const struct seen_proxy *p = &run->record.proxies.at[i];
		struct reaching r = { .transfer = { reach(p->backend), false, reached } };
		poller_begin(&run->poller, &r.transfer);
		while (!r.done && !run->how)
			poller_round(&run->poller, poller_now() + 1);
		poller_cancel(&run->poller, &r.transfer);
		curl_easy_cleanup(r.transfer.easy);
		if (r.done && r.code)
			run_end(run, "not_started", "the backend %.80s of proxy '%.60s' cannot be "
			        "reached: %s", p->backend, p->name, curl_easy_strerror(r.code));
	}
	return !run->how;
}
