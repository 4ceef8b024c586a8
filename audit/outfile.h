/* outfile.h - a file that is written as a whole, at a path of the user's. */
#ifndef AUDIT_OUTFILE_H
#define AUDIT_OUTFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/* A plain file is written beside its path and put in its place at the end, so its readers see the
 * old one or the whole new one. A link stays one: what it names is replaced. A pipe or a device is
 * written directly, and a pipe needs its reader by then. */
struct outfile {
	FILE *to;
	char real[PATH_MAX];            /* what is replaced; "": it is written directly */
	char beside[PATH_MAX + 8];
};

/* What can be known before. False: errno. */
bool outfile_possible(const char *path);

/* False: errno. */
bool outfile_open(struct outfile *, const char *path);

/* Of a file that was opened. False, with errno: it is not there, or only a part of it if it was
 * written directly. */
bool outfile_close(struct outfile *);

#endif
