/* ini.h - INI files, line by line, with quotes, ${VARIABLES} and the files that they extend. */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include <stdbool.h>

#include "base/text.h"

struct ini_line {                       /* valid during the call of `take` */
	const char *file;               /* absolute */
	int line;
	int depth;                      /* 0: the file itself; 1: the file that it extends; ... */
	const char *section, *key;      /* the key in lower case; "": see ini_read_sections */
	const char *value;              /* unquoted, variables replaced */
};

/* Call `take` for each line of the file, then for those of the file that it extends. `take`
 * returns false with a sentence in `error` to end it. -1: all is read. 1: not, and the error is
 * reported. */
int ini_read(const char *path,
             bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]), void *user);

/* As ini_read, and each line "[SECTION]" is one for `take` too: its key is "". */
int ini_read_sections(const char *path,
                      bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]),
                      void *user);

/* As ini_read_sections, of a text; `name` is the file's in errors. It can extend no file. */
int ini_read_text(const char *name, const char *text,
                  bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]),
                  void *user);

/* The value as the name of a file: "~" and $VARIABLES are replaced, a relative name is relative to
 * the line's file. To be freed. */
char *ini_path(const struct ini_line *);

/* The i-th file that was read so far, with those that others extend. NULL: there are no more. */
const char *ini_seen(size_t i);

#endif
