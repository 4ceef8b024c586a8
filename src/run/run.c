/* run.c - `vaurien run`: a command whose connections go through proxies, from start to end. */
#include "run/run.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/unix_socket.h"
#include "run/door.h"
#include "run/others.h"
#include "run/places.h"
#include "run/redirect.h"
#include "run/run_json.h"
#include "run/summary.h"
#include "run/supervisor.h"
#include "tls/ca.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define PATIENCE (2 * VN_S)             /* for connections whose processes have ended */

struct run {
	struct supervisor s;
	struct command command;
	struct control *control;
	struct settings *settings;
	struct mail finished;           /* from the supervisor to control */
	struct timer ending;            /* looks whether connections are left ... */
	vn_nsec until, interval;
	void (*over)(void *whom);
	void *whom;
};

static struct original original;

void run_save_original(void)
{
	original_save(&original);
}

void run_block_signals(void)
{
	supervisor_block_signals();
	signal(SIGPIPE, SIG_IGN);
}

/* ---- open ---- */

/* Of a run that was killed: its folder has sockets that nobody has open, or nothing. A young one
 * may be about to be used. */
static void stale_remove(const char *folder)
{
	struct stat file;
	glob_t found;
	char pattern[PATH_MAX];

	if (stat(folder, &file) != 0 || file.st_uid != geteuid() || file.st_mtime > time(NULL) - 60)
		return;
	snprintf(pattern, sizeof pattern, "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unix_socket_remove_stale(found.gl_pathv[i]);
		globfree(&found);
	}
	rmdir(folder);
}

static void all_stale_remove(const char *base)
{
	glob_t found;
	char pattern[100];

	snprintf(pattern, sizeof pattern, "%s/vaurien-run-??????", base);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc && i < 100; i++)
		stale_remove(found.gl_pathv[i]);
	globfree(&found);
}

/* Private: 0700. NULL: errno says why. */
static char *directory_make(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char *path;

	if (!base || *base != '/' || strlen(base) > 80 || access(base, W_OK) != 0)
		base = "/tmp";
	all_stale_remove(base);
	path = xasprintf("%s/vaurien-run-XXXXXX", base);
	if (mkdtemp(path))
		return path;
	free(path);
	return NULL;
}

static uint64_t our_network(void)
{
	uint64_t cookie = 0;
	socklen_t n = sizeof cookie;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &n) != 0)
		cookie = 0;
	close(fd);
	return cookie;
}

static bool patterns_open(struct supervisor *s, char error[ERROR_MAX])
{
	s->only = patterns_read(s->run->only, "only", error);
	s->except = s->only ? patterns_read(s->run->except, "except", error) : NULL;
	return s->except;
}

static bool supervisor_open(struct run *r, char error[ERROR_MAX])
{
	struct supervisor *s = &r->s;

	s->settings = r->settings;
	s->run = r->settings->run;
	s->control = r->control;
	s->control_loop = control_loop(r->control);
	s->resolver = control_resolver(r->control);
	s->network = our_network();
	s->ip4.watch.fd = s->ip6.watch.fd = s->local.watch.fd = -1;
	s->listener.fd = s->signals.fd = -1;
	if (s->run->protocol)
		snprintf(s->no_port, sizeof s->no_port, "no port of %.40s", s->run->protocol->name);
	s->directory = directory_make();
	if (!s->directory || !loop_init(&s->loop)) {
		error_format(error, "run: cannot make a private directory: %s", strerror(errno));
		return false;
	}
	return patterns_open(s, error) && doors_open(s, error);
}

/* Without --http the API listens in the private directory. */
static void settings_adapt(struct run *r)
{
	struct settings *s = r->settings;

	s->run->at = r->s.ip4.at;
	for (size_t i = 0; i < s->n_proxies; i++)
		spec_with_bound_port(s->proxies[i], &s->run->at);
	if (s->http)
		return;
	s->http = true;
	free(s->http_host);
	s->http_host = xasprintf("unix:%s/api", r->s.directory);
}

struct run *run_open(struct control *control, struct settings *settings, char error[ERROR_MAX])
{
	struct run *r = xcalloc(1, sizeof *r);

	r->control = control;
	r->settings = settings;
	if (supervisor_open(r, error)) {
		settings_adapt(r);
		return r;
	}
	run_close(r, NULL);
	return NULL;
}

/* ---- our own listeners ---- */

static void own_add(struct supervisor *s, const struct endpoint *at)
{
	if (s->n_own < OWN_MAX && at->len)
		s->own[s->n_own++] = *at;
}

/* The API's listener: "http://HOST:PORT". */
static void own_add_api(struct supervisor *s, const char *url)
{
	struct address a;
	struct endpoint at;
	char error[ERROR_MAX];

	if (strncmp(url, "http://", 7) || !address_parse(&a, url + 7, error, sizeof error))
		return;
	if (address_numeric(&a, false, &at))
		own_add(s, &at);
	address_free(&a);
}

/* ---- the command ---- */

/* What the command learns by its environment. */
struct learns {
	char *api, *ca;                 /* "NAME=VALUE"; NULL: nothing */
	char **all;                     /* with the words of our own, which are borrowed */
};

static bool same_name(const char *word, const char *mine)
{
	return mine && !strncmp(word, mine, strcspn(mine, "=") + 1);
}

static void environment_make(struct learns *l, const char *api)
{
	const char *ca = tls_ca_path();
	size_t n = 0;

	if (asprintf(&l->api, "VAURIEN_API=%s", api) < 0 ||
	    (ca && asprintf(&l->ca, "VAURIEN_CA=%s", ca) < 0))
		memory_out();
	while (environ[n])
		n++;
	l->all = xcalloc(n + 3, sizeof *l->all);
	n = 0;
	l->all[n++] = l->api;
	if (l->ca)
		l->all[n++] = l->ca;
	for (char **e = environ; *e; e++)
		if (!same_name(*e, l->api) && !same_name(*e, l->ca))
			l->all[n++] = *e;
}

static void environment_free(struct learns *l)
{
	free(l->api);
	free(l->ca);
	free(l->all);
}

bool run_fork(struct run *r, const char *api, char error[ERROR_MAX])
{
	struct learns learns = { .api = NULL };

	environment_make(&learns, api ? api : r->settings->http_host);
	if (api)
		own_add_api(&r->s, api);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	bool good = command_start(&r->command, &original, r->settings->run->command, learns.all,
	                          r->settings->run->allow_io_uring, error);
	environment_free(&learns);
	if (!good)
		return false;
	if (!r->command.means.sockets)
		log_warning("run: mode=rewrite: this system denies pidfd_getfd(), so addresses in "
		            "the command's memory are changed instead; in a container, "
		            "--cap-add SYS_PTRACE brings the full mode");
	if (r->settings->run->allow_io_uring)
		log_warning("run: connections that are made with io_uring are not seen");
	return true;
}

/* ---- carriers of the named proxies ---- */

static void carrier_add(struct supervisor *s, const struct proxy *p)
{
	const struct spec *spec = proxy_spec(p);
	struct carrier *r = xcalloc(1, sizeof *r), **end = &s->carriers;

	*r = (struct carrier){ .name = xstrdup(spec->name), .proxy = proxy_number(p),
	                     .gate = gate_ref(spec->gate), .supervisor = s,
	                     .any_host = !strcmp(spec->backend.host, "*") };
	address_copy(&r->backend, &spec->backend);
	while (*end)
		end = &(*end)->next;
	*end = r;
}

static void carriers_make(struct run *r)
{
	for (size_t i = 0; i < control_proxy_count(r->control); i++) {
		const struct proxy *p = control_proxy(r->control, i);
		if (proxy_spec(p)->gate)
			carrier_add(&r->s, p);
		else
			own_add(&r->s, &p->at);
	}
}

/* ---- the end ---- */

static bool connections_left(const struct run *r)
{
	struct totals t;

	for (size_t i = 0; i < control_proxy_count(r->control); i++) {
		proxy_totals(control_proxy(r->control, i), &t);
		if (totals_open(&t, STAT_OPENED, STAT_CLOSED))
			return true;
	}
	return false;
}

/* What the command has sent is still carried, although it has ended. */
static void ending_look(struct timer *t)
{
	struct run *r = OWNER(run, ending, t);
	struct loop *l = control_loop(r->control);

	if (connections_left(r) && l->now < r->until) {
		timer_set(l, t, l->now + r->interval);
		r->interval *= 2;
		return;
	}
	r->over(r->whom);
}

static void finished_open(struct mail *m)
{
	struct run *r = OWNER(run, finished, m);
	struct loop *l = control_loop(r->control);

	r->until = loop_clock(l) + PATIENCE;
	r->interval = VN_MS;
	r->ending.fire = ending_look;
	timer_set(l, &r->ending, l->now + VN_MS);
}

static void run_finished(struct supervisor *s)
{
	struct run *r = OWNER(run, s, s);

	r->finished.open = finished_open;
	loop_post(s->control_loop, &r->finished);
}

bool run_begin(struct run *r, void (*over)(void *whom), void *whom, char error[ERROR_MAX])
{
	r->over = over;
	r->whom = whom;
	r->s.worker = control_workers(r->control)->all;
	carriers_make(r);
	if (!supervisor_start(&r->s, &r->command, run_finished, error))
		return false;
	run_json_begin(&r->s, r->control);
	return true;
}

static int exit_status(const struct run *r)
{
	int status = r->s.status;

	if (r->s.unexecuted)
		return r->s.unexecuted == ENOENT ? 127 : 126;
	if (!r->s.over)
		return RUN_FAILED;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static void supervisor_close(struct supervisor *s)
{
	redirect_free(s);
	others_free(s);
	carriers_stop(s);
	doors_close(s);
	loop_free(&s->loop);
	places_free(s);
	if (s->listener.fd >= 0)
		close(s->listener.fd);
	if (s->signals.fd >= 0)
		close(s->signals.fd);
	names_free(&s->names);
	left_free(&s->left);
	left_free(&s->failed);
	patterns_free(s->only);
	patterns_free(s->except);
}

int run_close(struct run *r, char **text)
{
	int status = RUN_FAILED;

	if (!r)
		return 0;
	supervisor_stop(&r->s);
	run_json_end();
	if (!r->s.started)
		command_cancel(&r->command);
	if (r->s.started && text) {
		status = exit_status(r);
		*text = r->s.unexecuted ? NULL : summary_make(&r->s, r->control, &status);
	}
	if (r->s.ip4.watch.fd >= 0)
		supervisor_close(&r->s);
	if (r->s.directory)
		rmdir(r->s.directory);
	free(r->s.directory);
	free(r);
	return status;
}
