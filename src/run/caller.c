/* caller.c - a thread that is stopped in connect(), and what the kernel lets us do for it. */
#include "run/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/birth.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

enum { ROOM = 512 };                    /* bytes for the kernel's structs, which may grow */

bool caller_sizes(struct caller_means *m)
{
	struct seccomp_notif_sizes sizes = { 0 };

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
		return false;
	m->request = sizes.seccomp_notif;
	m->reply = sizes.seccomp_notif_resp;
	return m->request <= ROOM && m->reply <= ROOM;
}

bool call_valid(int listener, uint64_t id)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool caller_valid(const struct caller *c)
{
	return call_valid(c->listener, c->id);
}

/* ---- memory ---- */

static int memory_file(const struct caller *c, uint64_t at, void *bytes, size_t n, bool write)
{
	char path[32];
	ssize_t done;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)c->tid);
	int fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return errno;
	done = write ? pwrite(fd, bytes, n, (off_t)at) : pread(fd, bytes, n, (off_t)at);
	int error = done < 0 ? errno : (size_t)done < n ? EFAULT : 0;
	close(fd);
	return error;
}

static int memory_move(const struct caller *c, uint64_t at, void *bytes, size_t n, bool write)
{
	struct iovec here = { bytes, n }, there = { (void *)(uintptr_t)at, n };
	ssize_t done;

	if (!c->means->vm)
		return memory_file(c, at, bytes, n, write);
	done = write ? process_vm_writev(c->tid, &here, 1, &there, 1, 0) :
	               process_vm_readv(c->tid, &here, 1, &there, 1, 0);
	if (done == (ssize_t)n)
		return 0;
	/* A page may be read-only, which the file overcomes. */
	return write ? memory_file(c, at, bytes, n, write) : done < 0 ? errno : EFAULT;
}

int caller_read(const struct caller *c, uint64_t at, void *to, size_t n)
{
	return memory_move(c, at, to, n, false);
}

int caller_write(const struct caller *c, uint64_t at, const void *from, size_t n)
{
	return memory_move(c, at, (void *)from, n, true);
}

/* ---- sockets ---- */

/* "Tgid:" of /proc/TID/status, and "Name:". */
void caller_process(const struct caller *c, struct process *p)
{
	char path[32], text[512];
	ssize_t n = -1;

	*p = (struct process){ .pid = 0 };
	snprintf(path, sizeof path, "/proc/%d/status", (int)c->tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof text - 1);
		close(fd);
	}
	if (n <= 0)
		return;
	text[n] = '\0';
	const char *tgid = strstr(text, "\nTgid:");
	if (tgid && sscanf(tgid + strlen("\nTgid:"), "%d", &p->pid) != 1)
		p->pid = 0;
	sscanf(text, "Name: %15[^\n]", p->name);
}

static int pidfd_of(const struct caller *c)
{
	struct process p;

	if (c->means->thread_pidfd)
		return (int)syscall(SYS_pidfd_open, c->tid, PIDFD_THREAD);
	caller_process(c, &p);
	if (p.pid)
		return (int)syscall(SYS_pidfd_open, p.pid, 0);
	errno = ESRCH;
	return -1;
}

int caller_socket(const struct caller *c)
{
	int pidfd = pidfd_of(c);

	if (pidfd < 0)
		return -errno;
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, c->fd, 0), error = errno;
	close(pidfd);
	return fd < 0 ? -error : fd;
}

/* ---- the self-test ---- */

bool caller_test(struct caller_means *m, pid_t child, const void *word, int fd)
{
	struct caller c = { .means = m, .tid = child, .fd = fd };
	uint64_t here, there = 0;
	int error;

	m->vm = true;
	memcpy(&here, word, sizeof here);
	error = caller_read(&c, (uintptr_t)word, &there, sizeof there);
	if (error) {
		m->vm = false;
		error = caller_read(&c, (uintptr_t)word, &there, sizeof there);
	}
	errno = error ? error : EIO;
	if (error || there != here)
		return false;
	m->thread_pidfd = true;
	int dup = caller_socket(&c);
	if (dup == -EINVAL) {
		m->thread_pidfd = false;
		dup = caller_socket(&c);
	}
	m->sockets = dup >= 0;
	if (dup >= 0)
		close(dup);
	return true;
}

/* ---- notifications ---- */

void caller_take_turns(int listener)
{
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)1);
}


/* socketcall(SYS_CONNECT, words): the arguments are three words of the caller's memory. */
static bool words_read(struct caller *c, uint64_t at)
{
	uint32_t words[3];

	if (caller_read(c, (uint32_t)at, words, sizeof words))
		return false;
	c->fd = (int)words[0];
	c->address = words[1];
	c->length = words[2];
	return true;
}

bool caller_take(struct caller *c, const struct caller_means *m, int listener)
{
	union { struct seccomp_notif n; uint8_t room[ROOM]; } r;

	memset(r.room, 0, m->request);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &r) != 0)
		return false;
	const struct seccomp_data *d = &r.n.data;
	*c = (struct caller){ .means = m, .listener = listener, .id = r.n.id,
	                      .tid = (pid_t)r.n.pid, .fd = (int)d->args[0], .address = d->args[1],
	                      .length = (uint32_t)d->args[2] };
#ifdef AUDIT_ARCH_I386
	if (d->arch == AUDIT_ARCH_I386 && d->nr == 102 && !words_read(c, d->args[1])) {
		caller_continue(listener, c->id);
		return false;
	}
#endif
	return true;
}

static bool reply(int listener, uint64_t id, int error, uint32_t flags)
{
	union { struct seccomp_notif_resp n; uint8_t room[ROOM]; } r;

	memset(r.room, 0, sizeof r.n);
	r.n.id = id;
	r.n.error = -error;
	r.n.flags = flags;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0;
}

bool caller_answer(int listener, uint64_t id, int error)
{
	return reply(listener, id, error, 0);
}

bool caller_continue(int listener, uint64_t id)
{
	return reply(listener, id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}
