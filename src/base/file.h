/* file.h - a file read as a whole, without ever waiting for it. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/text.h"

/* Read a regular file of at most `most` bytes. A pipe, a device or a directory is refused: reading
 * one may wait, or never end. *text: to be freed, with a 0 behind its *n bytes. Returns 0, or an
 * errno of the system's, or -1: the file is not what was expected. `error` has what is wrong,
 * without the file's name. */
int file_read(const char *path, size_t most, char **text, size_t *n, char error[ERROR_MAX]);

/* The same without reading it. */
int file_check(const char *path, char error[ERROR_MAX]);

#endif
