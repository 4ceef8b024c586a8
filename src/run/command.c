/* command.c - the process that `vaurien run` starts: fork, filter, hand-over, exec. */
#include "run/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/filter.h"

void original_save(struct original *o)
{
	sigprocmask(SIG_SETMASK, NULL, &o->mask);
	sigaction(SIGPIPE, NULL, &o->pipe);
	getrlimit(RLIMIT_NOFILE, &o->descriptors);
}

/* ---- the hand-over: an errno, and with 0 a descriptor ---- */

static void hand_over(int to, int error, int fd)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec bytes = { &error, sizeof error };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
		control.head.cmsg_len = CMSG_LEN(sizeof fd);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	}
	while (sendmsg(to, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* Returns the descriptor, or a negative errno. */
static int take_over(int from)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
	int error = EPIPE, fd = -1;
	struct iovec bytes = { &error, sizeof error };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control,
	                    .msg_controllen = sizeof control };
	ssize_t n;

	while ((n = recvmsg(from, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	const struct cmsghdr *c = n == sizeof error ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd >= 0 ? fd : -(error ? error : EPIPE);
}

/* ---- the child ---- */

static void original_restore(const struct original *o)
{
	sigaction(SIGPIPE, &o->pipe, NULL);
	setrlimit(RLIMIT_NOFILE, &o->descriptors);
	sigprocmask(SIG_SETMASK, &o->mask, NULL);
}

static _Noreturn void child_run(int socket, pid_t parent, const struct original *o, char **words,
                                char **environment, bool allow_io_uring)
{
	char go;

	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != parent)
		_exit(125);
	int fd = filter_install(allow_io_uring);
	hand_over(socket, fd < 0 ? -fd : 0, fd);
	if (fd < 0 || read(socket, &go, 1) != 1)
		_exit(125);
	close(fd);
	original_restore(o);
	execvpe(words[0], words, environment);
	hand_over(socket, errno, -1);
	_exit(errno == ENOENT ? 127 : 126);
}

/* ---- the parent ---- */

static void child_end(struct command *c)
{
	close(c->socket);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void command_cancel(struct command *c)
{
	if (c->pid <= 0)
		return;
	close(c->listener);
	child_end(c);
	c->pid = 0;
}

static const char *why_no_filter(int error)
{
	switch (error) {
	case EBUSY:  return "another 'vaurien run', or another program that supervises system "
	                    "calls, has started this one, and the kernel allows one only";
	case EINVAL:
	case ENOSYS: return "it needs seccomp user notification (Linux 5.9 or later)";
	case EPERM:
	case EACCES: return "a policy denies seccomp() here";
	default:     return strerror(error);
	}
}

static void yama_sentence(char error[ERROR_MAX], int why)
{
	char level = '?';
	int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &level, 1) != 1)
			level = '?';
		close(fd);
	}
	if (level == '2' || level == '3')
		error_format(error, "run: cannot read the memory of the command: the sysctl "
		             "kernel.yama.ptrace_scope is %c; set it to 1, or use vaurien with "
		             "--proxy", level);
	else
		error_format(error, "run: cannot read the memory of the command: %s; use vaurien "
		             "with --proxy", strerror(why));
}

bool command_start(struct command *c, const struct original *o, char **words, char **environment,
                   bool allow_io_uring, char error[ERROR_MAX])
{
	static uint64_t word = 0x7661757269656e31;
	pid_t self = getpid();
	int pair[2];

	*c = (struct command){ .listener = -1 };
	errno = ENOSYS;
	if (!filter_possible() || !caller_sizes(&c->means)) {
		error_format(error, "run: cannot follow the command: %s; or use vaurien with "
		             "--proxy", why_no_filter(errno));
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		error_format(error, "run: cannot start the command: %s", strerror(errno));
		return false;
	}
	c->pid = fork();
	if (c->pid == 0) {
		close(pair[0]);
		child_run(pair[1], self, o, words, environment, allow_io_uring);
	}
	int why = errno;
	close(pair[1]);
	c->socket = pair[0];
	if (c->pid < 0) {
		close(pair[0]);
		error_format(error, "run: cannot start the command: %s", strerror(why));
		return false;
	}
	c->listener = take_over(c->socket);
	if (c->listener < 0) {
		error_format(error, "run: cannot follow the command: %s; or use vaurien with "
		             "--proxy", why_no_filter(-c->listener));
		child_end(c);
		c->pid = 0;
		return false;
	}
	if (caller_test(&c->means, c->pid, &word, pair[1]))
		return true;
	yama_sentence(error, errno);
	command_cancel(c);
	return false;
}

int command_release(struct command *c)
{
	int error = 0;
	ssize_t n;

	if (write(c->socket, "", 1) != 1)
		error = errno;
	/* The child's end is closed when the command is executed. */
	while (!error && (n = read(c->socket, &error, sizeof error)) < 0 && errno == EINTR)
		;
	close(c->socket);
	c->socket = -1;
	return error;
}
