/* supervisor.c - the thread that takes what the kernel reports of the command and its children. */
#include "run/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "run/destination.h"
#include "run/door.h"
#include "run/others.h"
#include "run/places.h"
#include "run/redirect.h"
#include "run/rewrite.h"
#include "run/silence.h"
#include "run/tree.h"

enum { SHOWN = 8, TREE_MAX = 4096 };    /* processes that a line names, that are ended at a time */

#define ALONE    (1 * VN_S)             /* the command has ended, and others have not */
#define TERM     (2 * VN_S)             /* between SIGTERM and SIGKILL */
#define NAMES    (1 * VN_S)             /* for look-ups of names before the start ... */
#define BACKENDS (5 * VN_S)             /* ... and of named backends */

/* ---- notifications ---- */

static void left_out_of_descriptors(struct supervisor *s, const struct endpoint *to)
{
	char text[128];

	left_note(&s->left, endpoint_show(to, text, sizeof text), "out of descriptors");
}

static void caller_serve(struct supervisor *s, const struct caller *c)
{
	struct endpoint to;
	bool unreadable;

	/* With sockets, one look whether the caller is still there comes after both reads. */
	if (!destination_read(s, c, &to, &unreadable) ||
	    (s->mode == RUN_REWRITE && !caller_valid(c))) {
		if (unreadable)
			left_unreadable(s, c);
		caller_continue(c->listener, c->id);
		return;
	}
	if (s->mode == RUN_REWRITE) {
		rewrite_take(s, c, &to);
		return;
	}
	int socket = caller_socket(c);
	if (socket < 0 && (socket == -EPERM || socket == -EACCES))
		left_unreadable(s, c);
	else if (socket == -EMFILE || socket == -ENFILE)
		left_out_of_descriptors(s, &to);
	if (socket < 0 || !caller_valid(c)) {
		caller_continue(c->listener, c->id);
		if (socket >= 0)
			close(socket);
		return;
	}
	redirect_take(s, c, socket, &to);
}

static void check_end(struct supervisor *);

static void listener_ready(struct watch *w, unsigned events)
{
	struct supervisor *s = OWNER(supervisor, listener, w);
	struct caller c;

	if (events & EPOLLIN) {
		if (caller_take(&c, &s->means, w->fd))
			caller_serve(s, &c);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		loop_unwatch(&s->loop, w);
		s->hung_up = true;
		check_end(s);
	}
}

/* ---- the end ---- */

/* The command and all that it has started are gone, and so are the connections on their way. */
static void check_end(struct supervisor *s)
{
	if (s->pid || !s->hung_up || s->over)
		return;
	door_look(&s->ip4);
	door_look(&s->ip6);
	door_look(&s->local);
	if (s->looks)
		return;
	s->over = true;
	timer_stop(&s->loop, &s->grace);
	others_free(s);
	s->finished(s);
}

static void tree_kill(int signal)
{
	static pid_t pids[TREE_MAX];
	size_t n = tree_list(pids, TREE_MAX);

	for (size_t i = 0; i < n && i < TREE_MAX; i++)
		kill(pids[i], signal);
}

static void outlivers_end(struct supervisor *s)
{
	tree_kill(s->kills++ ? SIGKILL : SIGTERM);
	timer_set(&s->loop, &s->grace, s->loop.now + (s->kills > 1 ? 100 * VN_MS : TERM));
}

static void outlivers_tell(struct supervisor *s)
{
	pid_t pids[SHOWN];
	char text[400];
	size_t n = tree_list(pids, SHOWN);

	if (!n)
		return;
	tree_show(pids, n < SHOWN ? n : SHOWN, n, text, sizeof text);
	fprintf(stderr, "vaurien: %s has ended, and processes that it has started still run: %s. "
	        "Waiting for them; --no-wait would end them.\n", s->run->command[0], text);
}

static void grace_over(struct timer *t)
{
	struct supervisor *s = OWNER(supervisor, grace, t);

	if (s->kills || s->run->no_wait)
		outlivers_end(s);
	else
		outlivers_tell(s);
}

static void command_ended(struct supervisor *s, int status)
{
	s->status = status;
	s->pid = 0;
	timer_set(&s->loop, &s->grace, loop_clock(&s->loop) + (s->run->no_wait ? 0 : ALONE));
	check_end(s);
}

/* Of the command, and of orphans: we are their subreaper. */
static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->pid)
			command_ended(s, status);
}

/* ---- signals ---- */

static sigset_t signal_set(void)
{
	static const int all[] = {
		SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE,
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		sigaddset(&set, all[i]);
	return set;
}

void supervisor_block_signals(void)
{
	sigset_t set = signal_set();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The terminal sends its signals to the command, too: it is in the same group. */
static void signal_take(struct supervisor *s, const struct signalfd_siginfo *i)
{
	int signal = (int)i->ssi_signo;
	bool from_terminal = i->ssi_code == SI_KERNEL;

	if (signal == SIGCHLD || signal == SIGPIPE)
		return;
	if (s->pid && !from_terminal)
		kill(s->pid, signal);
	else if (!s->pid && signal != SIGUSR1 && signal != SIGUSR2)
		outlivers_end(s);
}

static void signals_ready(struct watch *w, unsigned events)
{
	struct supervisor *s = OWNER(supervisor, signals, w);
	struct signalfd_siginfo i;

	while (read(w->fd, &i, sizeof i) == sizeof i)
		signal_take(s, &i);
	reap(s);
}

/* ---- the thread ---- */

static void none(struct timer *t)
{
}

/* What the command calls its destinations must be known before it connects. */
static void look_up(struct supervisor *s)
{
	struct timer end = { .fire = none };
	vn_nsec began = loop_clock(&s->loop);

	names_start(&s->names, &s->loop, s->resolver, s->run->command, environ);
	carriers_start(s);
	while ((s->names.looking && s->loop.now < began + NAMES) ||
	       (!carriers_ready(s) && s->loop.now < began + BACKENDS)) {
		timer_set(&s->loop, &end, began + (s->names.looking && s->loop.now < began + NAMES
		                                   ? NAMES : BACKENDS));
		loop_once(&s->loop, true);
		loop_clock(&s->loop);
	}
	timer_stop(&s->loop, &end);
	names_stop(&s->names);
}

static void *supervisor_main(void *arg)
{
	struct supervisor *s = arg;

	pthread_setname_np(pthread_self(), "run");
	look_up(s);
	int error = command_release(s->command);
	if (error)
		fprintf(stderr, "vaurien: run: %s: %s\n", s->run->command[0], strerror(error));
	s->unexecuted = error;
	reap(s);
	loop_run(&s->loop);
	return NULL;
}

static bool watches_start(struct supervisor *s)
{
	sigset_t set = signal_set();

	s->listener.ready = listener_ready;
	s->signals = (struct watch){ signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
	                             signals_ready };
	return s->signals.fd >= 0 && loop_watch(&s->loop, &s->listener, EPOLLIN) &&
	       loop_watch(&s->loop, &s->signals, EPOLLIN);
}

bool supervisor_start(struct supervisor *s, struct command *c,
                      void (*finished)(struct supervisor *), char error[ERROR_MAX])
{
	s->command = c;
	s->listener.fd = c->listener;
	s->means = c->means;
	caller_take_turns(c->listener);
	s->mode = c->means.sockets ? RUN_SOCKET : RUN_REWRITE;
	s->pid = c->pid;
	s->finished = finished;
	s->handed = check_end;
	s->grace.fire = grace_over;
	s->silence.fire = silence_look;
	s->other_timer.fire = others_look;
	s->others_end = &s->others;
	s->decided = s->mode == RUN_SOCKET ? redirect_decided : rewrite_decided;
	s->came = redirect_came;
	int why = watches_start(s) ? 0 : errno;
	if (!why)
		why = pthread_create(&s->thread, NULL, supervisor_main, s);
	if (why)
		error_format(error, "run: cannot start a thread: %s", strerror(why));
	s->started = !why;
	return !why;
}

struct stop { struct mail mail; struct supervisor *supervisor; };

static void stop_open(struct mail *m)
{
	struct stop *stop = OWNER(stop, mail, m);

	stop->supervisor->loop.stop = true;
	free(stop);
}

void supervisor_stop(struct supervisor *s)
{
	struct stop *stop;

	if (!s->started)
		return;
	stop = xmalloc(sizeof *stop);
	*stop = (struct stop){ .mail.open = stop_open, .supervisor = s };
	loop_post(&s->loop, &stop->mail);
	pthread_join(s->thread, NULL);
}
