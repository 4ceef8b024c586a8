/* application.c - what runs beside the probes: COMMAND, --load, --guard, --restart-app. */
#include "audit/application.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/address.h"

#define STOP_MOST   10.0                /* seconds from SIGTERM to SIGKILL */
#define GUARD_EVERY 5.0

/* ---- {db}, {db.host}, {db.port}, {ca} ---- */

struct place { char address[600], host[512], port[12]; };

/* Where clients reach the proxy. */
static bool place_of(const struct seen_proxy *p, struct place *to)
{
	struct address a;
	char error[ERROR_MAX];

	if (!address_parse(&a, p->listen, error, sizeof error))
		return false;
	bool any = !*a.host || !strcmp(a.host, "0.0.0.0") || !strcmp(a.host, "::");
	snprintf(to->host, sizeof to->host, "%s", any ? "127.0.0.1" : a.host);
	if (a.unix_path) {
		snprintf(to->address, sizeof to->address, "unix:%s", a.host);
		to->port[0] = 0;
	} else {
		snprintf(to->port, sizeof to->port, "%d", a.port);
		snprintf(to->address, sizeof to->address,
		         strchr(to->host, ':') ? "[%s]:%s" : "%s:%s", to->host, to->port);
	}
	address_free(&a);
	return true;
}

/* "{db}" at `text`: its value, and its length in *n. NULL: it is none. */
static const char *filled(const struct run *run, const char *text, size_t *n, struct place *place)
{
	static const struct { const char *end; size_t offset; } parts[] = {
		{ "}", offsetof(struct place, address) },
		{ ".host}", offsetof(struct place, host) },
		{ ".port}", offsetof(struct place, port) },
	};

	for (size_t i = 0; i < run->record.proxies.n; i++) {
		const struct seen_proxy *p = &run->record.proxies.at[i];
		size_t name = strlen(p->name);
		if (strncmp(text + 1, p->name, name))
			continue;
		for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
			size_t end = strlen(parts[k].end);
			if (strncmp(text + 1 + name, parts[k].end, end) || !place_of(p, place))
				continue;
			*n = 1 + name + end;
			return (const char *)place + parts[k].offset;
		}
	}
	*n = strlen("{ca}");
	return strncmp(text, "{ca}", *n) ? NULL : run->ca;
}

/* To be freed. */
static char *fill(const struct run *run, const char *text)
{
	char *made = NULL;
	size_t size, n;
	FILE *to = open_memstream(&made, &size);

	while (*text) {
		struct place place;
		const char *value = *text == '{' ? filled(run, text, &n, &place) : NULL;
		if (value)
			fputs(value, to);
		else
			fputc(*text, to);
		text += value ? n : 1;
	}
	fclose(to);
	return xalloced(made);
}

/* ---- the environment ---- */

static void environment_add(struct run *run, char *line)
{
	char **all = run->environment;
	size_t n = 0, name = strcspn(line, "=") + 1;

	while (all && all[n] && strncmp(all[n], line, name))
		n++;
	if (all && all[n]) {
		free(all[n]);
		all[n] = line;
		return;
	}
	all = xrealloc(all, (n + 2) * sizeof *all);
	run->environment = all;
	all[n] = line;
	all[n + 1] = NULL;
}

/* VAURIEN_DB_ADDRESS, _HOST, _PORT */
static void addresses_add(struct run *run, const struct seen_proxy *p)
{
	struct place place;
	char *name = xstrdup(p->name);

	for (char *c = name; c && *c; c++)
		*c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
	if (place_of(p, &place)) {
		environment_add(run, xasprintf("VAURIEN_%s_ADDRESS=%s", name, place.address));
		environment_add(run, xasprintf("VAURIEN_%s_HOST=%s", name, place.host));
		environment_add(run, xasprintf("VAURIEN_%s_PORT=%s", name, place.port));
	}
	free(name);
}

static void ca_add(struct run *run)
{
	if (run->ca)
		environment_add(run, xasprintf("VAURIEN_CA=%s", run->ca));
}

bool application_prepare(struct run *run)
{
	for (char **line = environ; *line; line++)
		environment_add(run, xstrdup(*line));
	for (size_t i = 0; i < run->record.proxies.n; i++)
		addresses_add(run, &run->record.proxies.at[i]);
	ca_add(run);
	for (size_t i = 0; i < run->options->env.n; i++)
		environment_add(run, fill(run, run->options->env.at[i]));
	run->probers.environment = run->environment;
	return true;
}

/* ---- COMMAND ---- */

static const char *last_line(const struct process *p, size_t *n)
{
	const char *text = p->text ? p->text : "", *last = text;

	for (const char *line = text; (line = strchr(line, '\n')) && line[1]; line++)
		last = line + 1;
	*n = strcspn(last, "\n");
	return last;
}

static void app_ended(struct process *p)
{
	struct run *run = (struct run *)((char *)p - offsetof(struct run, app));
	struct experiment *e = run->now ? run->now->record : NULL;
	char status[24];
	size_t n;

	if (!run->app_wanted)
		return;
	run->app_exits++;
	process_status(p, status);
	if (e && !e->exited) {
		e->exited = true;
		e->exited_at = poller_now();
		e->exit_text = xstrdup(status);
		run->exit_experiments++;
	}
	const char *last = last_line(p, &n);
	if (!run->begun)
		run_end(run, "not_started", "COMMAND ended (%s): %.*s", status,
		        n > 160 ? 160 : (int)n, last);
	else if (run->exit_experiments == 3)
		run_end(run, "application_exited", "COMMAND ended in 3 experiments");
}

bool application_start(struct run *run)
{
	size_t n = 0;
	char error[ERROR_MAX];

	if (!run->options->command)
		return true;
	while (run->options->command[n])
		n++;
	char **words = xcalloc(n + 1, sizeof *words);
	for (size_t i = 0; i < n; i++)
		words[i] = fill(run, run->options->command[i]);
	if (!run->app.ended)            /* the first time */
		process_log(&run->app, option_values(run->options)->report, "application.log");
	run->app.all = run->app.tail = true;
	run->app.ended = app_ended;
	run->app_wanted = true;
	bool good = process_start(&run->app, (const char *const *)words, run->environment, error);
	if (!good)
		run_end(run, "not_started", "%s", error);
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	free(words);
	return good;
}

static bool group_gone(struct run *run)
{
	return !run->app.pid;
}

/* It waits in spite of a run that has ended. */
void application_stop(struct run *run)
{
	double most = poller_now() + STOP_MOST;

	run->app_wanted = false;
	process_signal(&run->app, SIGTERM);
	while (!group_gone(run) && poller_now() < most)
		poller_round(&run->poller, most);
	process_kill(&run->app);
}

void application_free(struct run *run)
{
	struct process *all[] = { &run->app, &run->load, &run->guard, &run->restart };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		process_clear(all[i]);
	for (char **line = run->environment; line && *line; line++)
		free(*line);
	free(run->environment);
	free(run->ca);
}

/* ---- anew ---- */

bool application_can_restart(const struct run *run)
{
	return run->options->command || option_values(run->options)->restart_app;
}

static void restart_ended(struct process *p)
{
}

static bool restart_done(struct run *run)
{
	return !run->restart.pid;
}

/* Its exit code, 0: well. */
static bool restart_command(struct run *run, double most)
{
	char *command = fill(run, option_values(run->options)->restart_app), error[ERROR_MAX];

	run->restart.all = run->restart.tail = true;
	run->restart.ended = restart_ended;
	bool good = process_shell(&run->restart, command, run->environment, error);
	free(command);
	good = good && run_until(run, most, restart_done) && WIFEXITED(run->restart.status) &&
	       !WEXITSTATUS(run->restart.status);
	process_kill(&run->restart);
	return good;
}

static bool steady(struct run *run)
{
	return probes_steady(&run->probers) || (!run->app.pid && run->app_wanted);
}

bool application_restart(struct run *run)
{
	double most = poller_now() + seconds_of(option_values(run->options)->app_start);

	run->app_restarts++;
	if (option_values(run->options)->restart_app) {
		if (!restart_command(run, most))
			return false;
	} else {
		application_stop(run);
		if (run->how || !application_start(run))
			return false;
	}
	probes_watch(&run->probers, poller_now());
	return run_until(run, most, steady) && probes_steady(&run->probers);
}

/* ---- beside it ---- */

static void load_ended(struct process *p)
{
	struct run *run = (struct run *)((char *)p - offsetof(struct run, load));
	char status[24];

	run_note(run, "load_ended", "the command of --load ended after %.0f s (%s)", poller_now(),
	         process_status(p, status));
}

static void guard_ended(struct process *p)
{
	struct run *run = (struct run *)((char *)p - offsetof(struct run, guard));
	char status[24];

	poller_stop(&run->poller, &run->guard_limit);
	if (p->status)
		run_end(run, "guard", "the command of --guard ended with %s",
		        process_status(p, status));
}

static void guard_late(struct poll_timer *t)
{
	struct run *run = (struct run *)((char *)t - offsetof(struct run, guard_limit));

	process_kill(&run->guard);
	run_end(run, "guard", "the command of --guard took longer than 5 s");
}

static void guard_ask(struct poll_timer *t)
{
	struct run *run = (struct run *)((char *)t - offsetof(struct run, guard_timer));
	char *command = fill(run, option_values(run->options)->guard), error[ERROR_MAX];

	poller_set(&run->poller, t, poller_now() + GUARD_EVERY);
	if (!run->guard.pid) {
		poller_set(&run->poller, &run->guard_limit, poller_now() + GUARD_EVERY);
		if (!process_shell(&run->guard, command, run->environment, error))
			run_end(run, "guard", "%s", error);
	}
	free(command);
}

void load_start(struct run *run)
{
	const struct option_values *v = option_values(run->options);
	char error[ERROR_MAX];

	run->load.ended = load_ended;
	run->load.all = run->load.tail = true;
	run->guard.ended = guard_ended;
	run->guard_timer.fire = guard_ask;
	run->guard_limit.fire = guard_late;
	if (v->load) {
		char *command = fill(run, v->load);
		if (!process_shell(&run->load, command, run->environment, error))
			run_end(run, "not_started", "%s", error);
		free(command);
	}
	if (v->guard)
		poller_set(&run->poller, &run->guard_timer, poller_now());
}

void load_stop(struct run *run)
{
	poller_stop(&run->poller, &run->guard_timer);
	poller_stop(&run->poller, &run->guard_limit);
	process_kill(&run->guard);
	process_kill(&run->load);
}
