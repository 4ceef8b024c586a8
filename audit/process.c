/* process.c - programs that the auditor runs. */
#include "audit/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

static struct {
	struct poller *poller;
	struct poll_fd signals;
	sigset_t before;                /* the mask that programs get */
	struct process *running;
	void (*stop)(int signal);
} all;

/* ---- output ---- */

static void text_keep(struct process *p, const char *bytes, size_t n)
{
	if (p->log > 0)
		while (write(p->log, bytes, n) < 0 && errno == EINTR)
			;
	if (!p->text)
		p->text = xcalloc(1, 1);
	if (p->n + n > PROCESS_TEXT && p->tail) {
		size_t drop = p->n < PROCESS_TEXT / 2 ? p->n : PROCESS_TEXT / 2;
		memmove(p->text, p->text + drop, p->n - drop);
		p->n -= drop;
	}
	if (n > PROCESS_TEXT - p->n)
		n = PROCESS_TEXT - p->n;
	p->text = xrealloc(p->text, p->n + n + 1);
	memcpy(p->text + p->n, bytes, n);
	p->n += n;
	p->text[p->n] = 0;
}

static void out_close(struct process *p)
{
	if (p->out.fd < 0)
		return;
	poller_unwatch(all.poller, &p->out);
	close(p->out.fd);
	p->out.fd = -1;
}

/* At most so much in one go: a program that never stops writing holds nobody up. */
static void out_read(struct poll_fd *f)
{
	struct process *p = (struct process *)((char *)f - offsetof(struct process, out));
	char bytes[16384];

	for (int i = 0; i < 16; i++) {
		ssize_t n = read(f->fd, bytes, sizeof bytes);
		if (n > 0) {
			text_keep(p, bytes, (size_t)n);
		} else if (n == 0 || errno != EAGAIN) {
			out_close(p);
			return;
		} else {
			return;
		}
	}
}

/* ---- end ---- */

static void process_remove(struct process *p)
{
	struct process **at = &all.running;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->out.fd >= 0)
		out_read(&p->out);
	out_close(p);
	p->pid = 0;
}

/* Kill what is left of its group, and reap it: in this order, for then its number is still its own
 * and nobody else can be meant. */
static void process_reap(struct process *p)
{
	kill(-p->pid, SIGKILL);
	waitpid(p->pid, &p->status, 0); /* it has ended, or was killed now */
	process_remove(p);
}

static bool has_ended(const struct process *p)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid;
}

static void children_reap(void)
{
	for (struct process *p = all.running; p; ) {
		struct process *next = p->next;
		if (has_ended(p)) {
			process_reap(p);
			if (p->ended)
				p->ended(p);
			next = all.running;     /* the list may be another one now */
		}
		p = next;
	}
}

static void signals_read(struct poll_fd *f)
{
	struct signalfd_siginfo s;
	bool child = false;

	while (read(f->fd, &s, sizeof s) == sizeof s) {
		if (s.ssi_signo == SIGCHLD)
			child = true;
		else
			all.stop((int)s.ssi_signo);
	}
	if (child)
		children_reap();
}

bool processes_init(struct poller *poller, void (*stop)(int signal))
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, &all.before);
	signal(SIGPIPE, SIG_IGN);
	all.poller = poller;
	all.stop = stop;
	all.signals.fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	all.signals.readable = signals_read;
	if (all.signals.fd < 0)
		return false;
	poller_watch(poller, &all.signals);
	return true;
}

void processes_free(void)
{
	while (all.running)
		process_kill(all.running);
	poller_unwatch(all.poller, &all.signals);
	close(all.signals.fd);
}

/* ---- begin ---- */

/* In the child. */
static _Noreturn void become(const struct process *p, int out, pid_t parent,
                             const char *const argv[], char **environment)
{
	int none = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	dup2(none, 0);
	dup2(out, 1);
	dup2(p->all ? out : none, 2);
	close_range(3, ~0U, 0);         /* libcurl's sockets, too */
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &all.before, NULL);
	if (environment)
		environ = environment;
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

bool process_start(struct process *p, const char *const argv[], char **environment,
                   char error[ERROR_MAX])
{
	int ends[2];
	pid_t self = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0) {
		error_format(error, "cannot start '%s': %s", argv[0], strerror(errno));
		return false;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	process_clear(p);
	pid_t pid = fork();
	if (pid == 0)
		become(p, ends[1], self, argv, environment);
	close(ends[1]);
	if (pid < 0) {
		error_format(error, "cannot start '%s': %s", argv[0], strerror(errno));
		close(ends[0]);
		return false;
	}
	setpgid(pid, pid);              /* whoever of both is first */
	p->pid = pid;
	p->status = 0;
	p->out = (struct poll_fd){ .fd = ends[0], .readable = out_read };
	poller_watch(all.poller, &p->out);
	p->next = all.running;
	all.running = p;
	return true;
}

bool process_shell(struct process *p, const char *command, char **environment,
                   char error[ERROR_MAX])
{
	return process_start(p, (const char *const[]){ "sh", "-c", command, NULL }, environment,
	                     error);
}

void process_signal(struct process *p, int number)
{
	if (p->pid)
		kill(-p->pid, number);
}

void process_kill(struct process *p)
{
	if (p->pid)
		process_reap(p);
}

void process_clear(struct process *p)
{
	free(p->text);
	p->text = NULL;
	p->n = 0;
}

void process_log(struct process *p, const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	p->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	              0666);
}

const char *process_status(const struct process *p, char buffer[24])
{
	if (WIFEXITED(p->status))
		snprintf(buffer, 24, "exit %d", WEXITSTATUS(p->status));
	else
		snprintf(buffer, 24, "signal %d", WTERMSIG(p->status));
	return buffer;
}
