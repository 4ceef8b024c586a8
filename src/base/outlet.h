/* outlet.h - where lines go: a file, a pipe, a terminal or a socket that is never waited for.
 *
 * What is not taken now is the caller's to keep, and to try again. Lines are written whole: a full
 * disk gets no half of one, and a pipe takes each at once. */
#ifndef BASE_OUTLET_H
#define BASE_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum outlet_kind { OUTLET_FILE, OUTLET_SOCKET, OUTLET_OTHER };

struct outlet {
	int fd;                         /* -1: closed */
	bool own;                       /* to be closed */
	enum outlet_kind kind;
};

#define OUTLET_STDERR { .fd = 2, .kind = OUTLET_OTHER }

bool outlet_open(struct outlet *, const char *path);    /* appends; false: errno says why */
/* a descriptor that is open already and stays so, such as standard error */
void outlet_use(struct outlet *, int fd);
void outlet_close(struct outlet *);

/* `bytes` are whole lines, each at most 4096 bytes. Returns how many bytes were taken, all of them
 * whole lines where that can be had; 0: none now (full, or nobody reads); -1: none ever (its reader
 * is gone), errno says why. */
ssize_t outlet_write(struct outlet *, const char *bytes, size_t n);

/* at most so long, until it takes something; false: it does not */
bool outlet_wait(const struct outlet *, int ms);

#endif
