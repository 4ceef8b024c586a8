/* ini.h - INI files: sections, keys and values, one at a time, with what they extend. */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include "spec/option.h"

struct ini_line {
	const char *file;               /* absolute */
	int line;
	int depth;                      /* 0: the file itself; 1: the one it extends; ... which counts for less */
	const char *section, *key, *value;      /* without quotes, with ${VARIABLES} put in; the key in lower case */
};

/* Tell `take` each line, later ones last, then those of the extended file. False from `take` with a sentence
 * in `error` ends it. -1: all is read. 1: it is not, and has been said why. */
int ini_read(const char *path, bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]), void *user);

/* A file's name that a line has as its value, made absolute: "~" and $VARIABLES are understood, and what is relative is so
 * to the line's file. A new text. */
char *ini_path(const struct ini_line *);

#endif
