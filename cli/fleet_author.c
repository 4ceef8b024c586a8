/* fleet_author.c - a fleet rule's author: writes it, says what becomes of it, and withdraws it.
 *
 *	--for alone      the key hangs on a lease of that time; the author goes
 *	else             the key hangs on a lease of LEASE s, which the author renews until he is
 *	                 interrupted, the time is over or the guard fails. If he dies, it ends so */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/fleet.h"
#include "fleet/etcd_number.h"
#include "fleet/base64.h"
#include "fleet/selector.h"

enum {
	LEASE = 10, RENEW = 3, GUARD = 5,       /* seconds */
	GUARD_MAX = 30,                 /* a guard that takes longer has failed */
	REPORTED = 4,                   /* until all members have said what they did */
};

static volatile sig_atomic_t stopped;   /* by this signal */

static void stop(int signal)
{
	stopped = signal;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)(fmod(seconds, 1) * 1e9) };

	nanosleep(&t, NULL);            /* a signal ends it */
}

/* ---- the key ---- */

/* 0: none, which is printed. */
static int64_t lease_grant(struct call *c, double seconds)
{
	json_t *answer = etcd_post(c, "lease/grant", json_pack("{s:I}", "TTL",
	                                                       (json_int_t)ceil(seconds)));
	int64_t id = etcd_number(answer, "ID");

	json_decref(answer);
	return id;
}

/* Writes the key if there is none of that name: two authors do not overwrite each other. */
static int key_write(struct call *c, const struct wish *w, int64_t lease)
{
	char *text = json_dumps(w->document, JSON_COMPACT), *value;

	assert(text);
	value = base64_make(text, strlen(text));
	free(text);
	json_t *answer = etcd_post(c, "kv/txn", json_pack(
		"{s:[{s:o, s:s, s:s, s:s}], s:[{s:{s:o, s:s, s:o}}]}",
		"compare", "key", etcd_key("rules", w->id, false), "target", "CREATE",
		"result", "EQUAL", "create_revision", "0",
		"success", "requestPut", "key", etcd_key("rules", w->id, false), "value", value,
		"lease", json_sprintf("%lld", (long long)lease)));
	bool written = json_is_true(json_object_get(answer, "succeeded"));
	free(value);
	if (answer && !written)
		fprintf(stderr, "vaurienctl: the fleet has a rule '%s' already: remove it first, or"
		        " give this one a name=\n", w->id);
	json_decref(answer);
	return written ? 0 : FAILED;
}

/* With the lease its key goes. */
static void lease_revoke(struct call *c, int64_t lease)
{
	json_decref(etcd_post(c, "lease/revoke",
	                      json_pack("{s:o}", "ID", json_sprintf("%lld", (long long)lease))));
}

/* -1: no answer; else the seconds that it lasts, 0: it is gone. */
static int64_t lease_renew(struct call *c, int64_t lease)
{
	json_t *answer = etcd_post(c, "lease/keepalive",
		json_pack("{s:o}", "ID", json_sprintf("%lld", (long long)lease)));
	int64_t left = answer ? etcd_number(json_object_get(answer, "result"), "TTL") : -1;

	json_decref(answer);
	return left;
}

/* ---- what became of it ---- */

/* How many members it is for, by what they say of themselves. */
static size_t members_meant(const struct wish *w, const json_t *members)
{
	char error[ERROR_MAX];
	const char *select = json_string_value(json_object_get(w->document, "select"));
	json_t *selector = selector_read(select ? select : "", "select", error), *text;
	const json_t *limit = json_object_get(w->document, "max_members");
	const char *name;
	double most;
	bool percent;
	size_t n = 0;

	json_object_foreach((json_t *)members, name, text) {
		json_t *m = json_loads(json_string_value(text), 0, NULL);
		n += m && selector_fits_member(selector, m);
		json_decref(m);
	}
	json_decref(selector);
	return limit && limit_read(json_string_value(limit), &most, &percent, error)
		? limit_of(most, percent, n) : n;
}

static json_t *row_of(const struct wish *w, const json_t *all)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(all, "rules"), i, row)
		if (!strcmp(text_of(row, "name"), w->id))
			return row;
	return NULL;
}

static void refusals_show(const json_t *row)
{
	const char *where;
	json_t *why;

	json_object_foreach(json_object_get(row, "why"), where, why) {
		char *at = line_make(where), *sentence = line_make(json_string_value(why));
		printf("  refused by %s: %s\n", at, sentence);
		free(at);
		free(sentence);
	}
	if (json_object_get(row, "error")) {
		char *sentence = line_make(text_of(row, "error"));
		printf("  not understood: %s\n", sentence);
		free(sentence);
	}
}

static json_int_t count(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void row_show(struct call *c, const struct wish *w, const json_t *row, size_t meant)
{
	if (c->json) {
		json_show(row);
		return;
	}
	if (!meant)
		printf("%s: no member is meant by it now\n", w->id);
	else
		printf("%s: in force on %lld of %zu members, %lld proxies; struck %lld\n", w->id,
	       (long long)count(row, "members"), meant, (long long)count(row, "proxies"),
	       (long long)count(row, "hits"));
	refusals_show(row);
	fflush(stdout);
}

/* Waits until those that it is for have said what they did; then shows it. False: all refuse it. */
static bool result_show(struct call *c, const struct wish *w)
{
	double until = now() + REPORTED;
	json_t *all = NULL;
	size_t meant = 0;
	bool good = true;

	do {
		json_t *members = etcd_texts(c, STORE_MEMBERS);
		json_decref(all);
		all = members ? fleet_get(c) : NULL;
		meant = members_meant(w, members);
		json_decref(members);
		const json_t *row = row_of(w, all);
		if (!all || (size_t)count(row, "reported") >= meant)
			break;
		nap(0.1);
	} while (now() < until && !stopped);
	const json_t *row = row_of(w, all);
	if (row) {
		row_show(c, w, row, meant);
		good = !count(row, "reported") || count(row, "members");
	}
	json_decref(all);
	return good;
}

/* ---- staying ---- */

struct guard { pid_t pid; double begun; };

/* 0: it is well so far; else its exit code, or that of a signal. */
static int guard_look(struct guard *g, const char *command)
{
	int status;

	if (!g->pid && now() >= g->begun + GUARD) {
		g->begun = now();
		g->pid = fork();
		if (g->pid == 0) {
			setpgid(0, 0);
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
			_exit(127);
		}
		if (g->pid < 0)
			g->pid = 0;
	}
	if (g->pid && waitpid(g->pid, &status, WNOHANG) == g->pid) {
		g->pid = 0;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	if (!g->pid || now() < g->begun + GUARD_MAX)
		return 0;
	return 124;                     /* as timeout(1) says */
}

static void guard_end(struct guard *g)
{
	if (!g->pid)
		return;
	kill(-g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}

/* Why the rule ends: 0, or the exit code; the sentence is printed. */
static int ended(const char *why, int rc)
{
	fprintf(stderr, "%s\n", why);
	return rc;
}

/* Once a tenth of a second. -1: go on. */
static int stay_look(struct call *c, const struct wish *w, int64_t lease, double until,
                     double *renewed, struct guard *g)
{
	char why[120];
	int code = w->guard ? guard_look(g, w->guard) : 0;

	if (code) {
		snprintf(why, sizeof why, "vaurienctl: the guard failed (exit code %d): the rule is"
		         " withdrawn", code);
		return ended(why, FAILED);
	}
	if (stopped)
		return ended("The rule is withdrawn", 128 + stopped);
	if (now() >= until)
		return ended("The time is over: the rule is withdrawn", 0);
	if (now() < *renewed + RENEW)
		return -1;
	*renewed = now();
	c->quiet = true;
	int64_t left = lease_renew(c, lease);
	c->quiet = false;
	if (left == 0)
		return ended("vaurienctl: etcd was out of reach for too long: the rule has ended",
		             FAILED);
	return -1;
}

static int stay(struct call *c, const struct wish *w, int64_t lease)
{
	double until = w->lasts ? now() + w->lasts : INFINITY, renewed = now();
	struct guard guard = { 0, now() - GUARD };
	int rc = -1;

	if (!c->json)
		printf("It lasts %s; Ctrl-C withdraws it\n",
		       w->lasts ? "until its time is over or the guard fails"
		                : "for as long as this command runs");
	fflush(stdout);
	while (rc < 0) {
		rc = stay_look(c, w, lease, until, &renewed, &guard);
		if (rc < 0)
			nap(0.1);
	}
	guard_end(&guard);
	lease_revoke(c, lease);
	return rc;
}

int wish_keep(struct call *c, const struct wish *w)
{
	bool stays = !w->lasts || w->guard;
	int64_t lease = lease_grant(c, stays ? LEASE : w->lasts);
	struct sigaction action = { .sa_handler = stop };

	if (!lease)
		return FAILED;
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, 0 }; stays && *s; s++)
		sigaction(*s, &action, NULL);
	int rc = key_write(c, w, lease);
	if (!rc && !result_show(c, w))
		rc = ended("vaurienctl: no proxy can carry it out: the rule is withdrawn", FAILED);
	if (rc)
		lease_revoke(c, lease);
	return rc || !stays ? rc : stay(c, w, lease);
}
