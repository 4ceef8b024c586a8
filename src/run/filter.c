/* filter.c - the kernel's filter of system calls by which connect() is reported to us.
 *
 * Not a sandbox: it reports, and refuses only the two ways to connect that it could not report. */
#include "run/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { NONE = -1, WORD_HIGH = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 4 };

/* The numbers of one entry to the kernel. Every entry that this processor's kernels may have. */
static const struct table {
	uint32_t arch;
	int connect, sendto, sendmsg, sendmmsg, socketcall;
	int sendmsg_x32, sendmmsg_x32;  /* numbers with X32; its others are the same */
} tables[] = {
#if defined __x86_64__
	{ AUDIT_ARCH_X86_64, 42, 44, 46, 307, NONE, 518, 538 },
	{ AUDIT_ARCH_I386, 362, 369, 370, 345, 102, NONE, NONE },
#elif defined __aarch64__
	{ AUDIT_ARCH_AARCH64, 203, 206, 211, 269, NONE, NONE, NONE },
	{ AUDIT_ARCH_ARM, 283, 290, 296, 374, NONE, NONE, NONE },
#elif defined __riscv && __riscv_xlen == 64
	{ AUDIT_ARCH_RISCV64, 203, 206, 211, 269, NONE, NONE, NONE },
#elif defined __i386__
	{ AUDIT_ARCH_I386, 362, 369, 370, 345, 102, NONE, NONE },
#elif defined __arm__
	{ AUDIT_ARCH_ARM, 283, 290, 296, 374, NONE, NONE, NONE },
#else
	{ 0, NONE, NONE, NONE, NONE, NONE, NONE, NONE },
#endif
};

enum { TABLES = sizeof tables / sizeof tables[0], X32 = 0x40000000, IO_URING_SETUP = 425 };

bool filter_possible(void)
{
	return tables[0].arch;
}

/* ---- the program ---- */

struct program {
	struct sock_filter code[128];
	unsigned n;
};

static void put(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	p->code[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void end(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, 0, 0, action);
}

/* If the number is `nr`: the action. */
static void put_call(struct program *p, int nr, uint32_t action)
{
	if (nr == NONE)
		return;
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)nr);
	end(p, action);
}

static size_t argument(unsigned i)
{
	return offsetof(struct seccomp_data, args) + i * sizeof(uint64_t) + (4 - WORD_HIGH);
}

/* If the number is `nr`, and flags in argument `i` have MSG_FASTOPEN: as where the kernel has it
 * off. */
static void put_fast_open(struct program *p, int nr, unsigned i)
{
	if (nr == NONE)
		return;
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)nr);
	load(p, argument(i));
	put(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, MSG_FASTOPEN);
	end(p, SECCOMP_RET_ERRNO | EOPNOTSUPP);
	end(p, SECCOMP_RET_ALLOW);
}

/* socketcall(SYS_CONNECT, ...) */
static void put_socketcall(struct program *p, int nr)
{
	if (nr == NONE)
		return;
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)nr);
	load(p, argument(0));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 3);
	end(p, SECCOMP_RET_USER_NOTIF);
	end(p, SECCOMP_RET_ALLOW);
}

static void put_table(struct program *p, const struct table *t, bool allow_io_uring)
{
	unsigned jump;

	load(p, offsetof(struct seccomp_data, arch));
	jump = p->n;
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, t->arch);
	load(p, offsetof(struct seccomp_data, nr));
	if (t->sendmsg_x32 != NONE)
		put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, ~(uint32_t)X32);
	put_call(p, t->connect, SECCOMP_RET_USER_NOTIF);
	put_socketcall(p, t->socketcall);
	put_fast_open(p, t->sendto, 3);
	put_fast_open(p, t->sendmsg, 2);
	put_fast_open(p, t->sendmsg_x32, 2);
	put_fast_open(p, t->sendmmsg, 3);
	put_fast_open(p, t->sendmmsg_x32, 3);
	if (!allow_io_uring)
		put_call(p, IO_URING_SETUP, SECCOMP_RET_ERRNO | ENOSYS);
	end(p, SECCOMP_RET_ALLOW);
	p->code[jump].jf = (uint8_t)(p->n - jump - 1);
}

/* ---- installing it ---- */

static int install(const struct sock_fprog *program, unsigned long flags)
{
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);

	return fd < 0 ? -errno : (int)fd;
}

int filter_install(bool allow_io_uring)
{
	struct program p = { .n = 0 };
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
	                      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	for (unsigned i = 0; i < TABLES; i++)
		put_table(&p, &tables[i], allow_io_uring);
	end(&p, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { (unsigned short)p.n, p.code };
	int fd = install(&program, flags);
	if (fd == -EINVAL)              /* before Linux 5.19 */
		fd = install(&program, flags = SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fd != -EACCES)
		return fd;
	/* Not root. Root keeps what setuid programs can do. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
		return -errno;
	fd = install(&program, SECCOMP_FILTER_FLAG_NEW_LISTENER |
	                       SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	return fd == -EINVAL ? install(&program, SECCOMP_FILTER_FLAG_NEW_LISTENER) : fd;
}
