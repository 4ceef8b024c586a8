/* outlet.h - non-blocking output of lines to a file, a pipe, a terminal or a socket.
 *
 * The caller keeps what an outlet does not take, and tries again. Lines are written whole: a file
 * on a full disk ends with a whole line, and a pipe takes each line at once. An outlet belongs to
 * one thread. */
#ifndef BASE_OUTLET_H
#define BASE_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum outlet_kind { OUTLET_FILE, OUTLET_SOCKET, OUTLET_OTHER };

struct outlet {
	int fd;                         /* -1: closed */
	bool own;                       /* outlet_close() closes fd */
	enum outlet_kind kind;
};

#define OUTLET_STDERR { .fd = 2, .kind = OUTLET_OTHER }

/* Opens a file for appending. False: errno has the reason. */
bool outlet_open(struct outlet *, const char *path);

/* Uses an open descriptor, such as standard error. It stays open after outlet_close(). */
void outlet_use(struct outlet *, int fd);
void outlet_close(struct outlet *);

/* Writes whole lines of at most 4096 bytes each. Returns the number of bytes taken: whole lines,
 * unless the outlet took part of one and that cannot be undone. 0: the outlet is full now. -1: it
 * never takes any again, because its reader is gone; errno has the reason. */
ssize_t outlet_write(struct outlet *, const char *bytes, size_t n);

/* Waits at most `ms` milliseconds for room. False: there is none. */
bool outlet_wait(const struct outlet *, int ms);

#endif
