/* caller.h - a thread that is stopped in connect(), and what the kernel lets us do for it.
 *
 * The supervisor's thread only, and the main thread for the self-test. All that is read from a
 * caller is untrusted, and nothing holds after it was killed: caller_valid() comes after each read,
 * before its result is used. */
#ifndef RUN_CALLER_H
#define RUN_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

/* What this system allows. Set once, by caller_test(). */
struct caller_means {
	bool vm;                        /* process_vm_readv(); else /proc/TID/mem */
	bool sockets;                   /* pidfd_getfd() */
	bool thread_pidfd;              /* PIDFD_THREAD, Linux 6.9 */
	size_t request, reply;          /* bytes of the kernel's structs */
};

struct caller {
	const struct caller_means *means;
	int listener;                   /* the kernel's */
	uint64_t id;                    /* of the notification */
	pid_t tid;
	int fd;                         /* the argument of connect() */
	uint64_t address; uint32_t length;      /* its others */
};

/* Fills in the sizes. False: this kernel has no such notifications. */
bool caller_sizes(struct caller_means *);

/* Tries on a child that waits what can be done with callers. `word` is at this address in the
 * child, too, and `fd` is a descriptor of it. False: nothing can; errno says why. */
bool caller_test(struct caller_means *, pid_t child, const void *word, int fd);

/* Has the kernel run caller and supervisor in turn on one processor, where it can: Linux 6.6. */
void caller_take_turns(int listener);

/* Waits for the next caller of connect(). False: there is none, or its arguments are unreadable:
 * it was answered. */
bool caller_take(struct caller *, const struct caller_means *, int listener);

bool caller_valid(const struct caller *);
bool call_valid(int listener, uint64_t id);

/* 0, or an errno. */
int caller_read(const struct caller *, uint64_t at, void *to, size_t n);
int caller_write(const struct caller *, uint64_t at, const void *from, size_t n);

/* A duplicate of its descriptor; or a negative errno. */
int caller_socket(const struct caller *);

/* Its process: number and name; pid 0: it is gone. */
void caller_process(const struct caller *, struct process *);

/* The end of its call: returns `error` to it, 0 for success. False: the call was interrupted. */
bool caller_answer(int listener, uint64_t id, int error);

/* The kernel goes on with the call as if nobody had looked. */
bool caller_continue(int listener, uint64_t id);

#endif
