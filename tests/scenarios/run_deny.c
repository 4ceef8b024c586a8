/* run_deny.c - a system that denies some system calls, as containers do.
 *
 *   run_deny CALL[,CALL] COMMAND ... */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; int nr, error; } calls[] = {
	{ "pidfd_getfd", SYS_pidfd_getfd, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, EPERM },
	{ "seccomp", SYS_seccomp, EPERM },
};

static void deny(const struct sock_filter *code, unsigned short n)
{
	struct sock_fprog program = { n, (struct sock_filter *)code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
		perror("run_deny");
		exit(1);
	}
}

static struct sock_filter line(int code, unsigned k, unsigned char no)
{
	return (struct sock_filter){ (unsigned short)code, 0, no, k };
}

int main(int argc, char **argv)
{
	struct sock_filter code[16];
	unsigned short n = 0;

	code[n++] = line(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0);
	for (char *word = strtok(argv[1], ","); word; word = strtok(NULL, ","))
		for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
			if (!strcmp(calls[i].name, word)) {
				unsigned error = SECCOMP_RET_ERRNO | (unsigned)calls[i].error;
				code[n++] = line(BPF_JMP | BPF_JEQ, (unsigned)calls[i].nr, 1);
				code[n++] = line(BPF_RET, error, 0);
			}
	code[n++] = line(BPF_RET, SECCOMP_RET_ALLOW, 0);
	deny(code, n);
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
