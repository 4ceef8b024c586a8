/* ini.c - INI files, line by line, with quotes, ${VARIABLES} and the files that they extend.
 *
 * The library inih parses the lines. */
#include "config/ini.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "config/error.h"

enum {
	DEEPEST  = 8,                   /* files that extend each other, so that a circle ends */
	FILE_MAX = 16 << 20,            /* bytes of a file */
	SECTION_LONGEST = 49,           /* bytes; inih cuts what is longer */
};

struct reader {                         /* one file */
	FILE *stream;
	const char *file;
	int line, depth;
	bool sections;                  /* `take` gets these too */
	bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]);
	void *user;
	char *extends;                  /* the file that it extends; NULL: none */
	char error[ERROR_MAX];          /* the first error; "": none */
	int error_line;
};

/* ---- texts ---- */

static char *text_join(const char *a, size_t a_len, const char *b, size_t b_len, const char *c)
{
	char *made = xasprintf("%.*s%.*s%s", (int)a_len, a, (int)b_len, b, c);
	return made;
}

/* Replace ${NAME}, and if `bare` $NAME, by the environment. A variable that is not set stays as it
 * is, and its name is left in `missing`. To be freed. */
static char *variables_put(const char *text, bool bare, char missing[64])
{
	char *made = xstrdup(text), *dollar = made;
	missing[0] = '\0';
	while ((dollar = strchr(dollar, '$'))) {
		bool braced = dollar[1] == '{';
		const char *name = dollar + 1 + braced;
		size_t n = 0;
		while (isalnum((unsigned char)name[n]) || name[n] == '_')
			n++;
		char key[64];
		const char *value = NULL;
		if (n && n < sizeof key && (braced ? name[n] == '}' : bare)) {
			snprintf(key, sizeof key, "%.*s", (int)n, name);
			value = getenv(key);
			if (!value)
				memcpy(missing, key, n + 1);
		}
		if (!value) {
			dollar++;
			continue;
		}
		size_t before = (size_t)(dollar - made), len = strlen(value);
		char *next = text_join(made, before, value, len, name + n + braced);
		free(made);
		made = next;
		dollar = made + before + len;   /* a value's own $ stays */
	}
	return made;
}

/* Remove ".", ".." and double slashes from an absolute path. */
static void path_tidy(char *path)
{
	char *to = path, *p = path;
	while (*p) {
		size_t n = strcspn(p += strspn(p, "/"), "/");
		if (n == 2 && !strncmp(p, "..", 2)) {
			while (to > path && *--to != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			*to++ = '/';
			memmove(to, p, n);
			to += n;
		}
		p += n;
	}
	*to = '\0';
}

/* Make a path absolute: "~" and variables are replaced; a relative one begins in `folder`. To be
 * freed. */
static char *path_expand(const char *path, const char *folder)
{
	char missing[64], full[PATH_MAX];
	char *text = variables_put(path, true, missing);
	const char *home = getenv("HOME"), *p = text;
	bool mine = home && (!strcmp(p, "~") || !strncmp(p, "~/", 2));

	if (mine)
		snprintf(full, sizeof full, "%s%s", home, p + 1);
	else
		snprintf(full, sizeof full, "%s%s%s", *p == '/' ? "" : folder,
		         *p == '/' ? "" : "/", p);
	free(text);
	path_tidy(full);
	return xstrdup(full);
}

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return xstrndup(file, slash ? (size_t)(slash - file) : 0);
}

/* ---- a file ---- */

static void blame(struct reader *r, int line)
{
	if (!r->error_line)
		r->error_line = line;
}

/* Is the line "[SECTION]"? Then `take` gets it. */
static void section_take(struct reader *r, const char *start)
{
	size_t n = strcspn(start, "]\n");

	if (!r->sections || *start != '[' || start[n] != ']')
		return;
	char *name = xstrndup(start + 1, n - 1);
	struct ini_line line = { r->file, r->line, r->depth, name, "", "" };
	if (n - 1 > SECTION_LONGEST)
		error_format(r->error, "expected a section's name of at most %d bytes, got a "
		             "longer one", SECTION_LONGEST);
	if (r->error[0] || !r->take(r->user, &line, r->error))
		blame(r, r->line);
	free(name);
}

/* The next line for inih, without leading blanks. inih has room for 200 bytes and would split a
 * longer line in two: such a line is an error, unless it is a comment. */
static char *line_next(char *buffer, int size, void *user)
{
	struct reader *r = user;
	char long_line[4096];

	if (r->error[0] || !fgets(long_line, sizeof long_line, r->stream))
		return NULL;
	r->line++;
	const char *start = long_line + strspn(long_line, " \t");
	bool comment = *start == ';' || *start == '#';
	for (int c = 0; !strchr(long_line, '\n') && c != '\n' && c != EOF;)
		c = fgetc(r->stream);
	if (comment)
		start = "\n";
	if (strlen(start) >= (size_t)size) {
		error_format(r->error, "expected a line of at most %d bytes, got a longer one",
		             size - 2);
		blame(r, r->line);
		return NULL;
	}
	section_take(r, start);
	if (r->error[0])
		return NULL;
	strcpy(buffer, start);
	return buffer;
}

char *ini_path(const struct ini_line *line)
{
	char *folder = folder_of(line->file), *path = path_expand(line->value, folder);

	free(folder);
	return path;
}

static void extend(struct reader *r, const char *value)
{
	char *folder = folder_of(r->file);
	free(r->extends);
	r->extends = path_expand(value, folder);
	free(folder);
}

/* inih calls it for each key. */
static int line_take(void *user, const char *section, const char *key, const char *raw)
{
	struct reader *r = user;
	size_t n = strlen(raw);
	bool quoted = n >= 2 && raw[0] == '"' && raw[n - 1] == '"';
	char missing[64], small[64], *bare = xstrndup(raw + quoted, n - 2 * quoted);
	char *value = variables_put(bare, false, missing);

	snprintf(small, sizeof small, "%s", key);
	for (char *c = small; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (r->error[0]) {
		/* only the first error is reported */
	} else if (missing[0]) {
		error_format(r->error, "%s: expected ${%s} to be in the environment", small,
		             missing);
		blame(r, r->line);
	} else if (!strcmp(section, "DEFAULT") && !strcmp(small, "extends")) {
		extend(r, value);
	} else {
		struct ini_line line = { r->file, r->line, r->depth, section, small, value };
		if (!r->take(r->user, &line, r->error))
			blame(r, r->line);
	}
	free(value);
	free(bare);
	return 1;
}

static int text_read(struct reader *r, char *text, size_t n)
{
	r->stream = fmemopen(text, n ? n : 1, "r");
	if (!r->stream)
		return value_error("%s: %s", r->file, strerror(errno));
	int line = ini_parse_stream(line_next, r, line_take, r);
	fclose(r->stream);
	if (!r->error[0] && line != 0) {
		error_format(r->error, "expected KEY = VALUE or [SECTION]");
		blame(r, line);
	}
	if (!r->error[0])
		return -1;
	return value_error("%s:%d: %s", r->file, r->error_line, r->error);
}

static struct { char **paths; size_t n; } seen;

const char *ini_seen(size_t i)
{
	return i < seen.n ? seen.paths[i] : NULL;
}

static void seen_add(const char *path)
{
	for (size_t i = 0; i < seen.n; i++)
		if (!strcmp(seen.paths[i], path))
			return;
	seen.paths = xrealloc(seen.paths, (seen.n + 1) * sizeof *seen.paths);
	seen.paths[seen.n++] = xstrdup(path);
}

static int parse_file(struct reader *r)
{
	char *text, error[ERROR_MAX];
	size_t n;
	seen_add(r->file);
	int why = file_read(r->file, FILE_MAX, &text, &n, error);

	if (why == ENOENT)
		return absence_error(r->file);
	if (why)
		return value_error("%s: %s", r->file, error);
	int code = text_read(r, text, n);
	free(text);
	return code;
}

int ini_read_text(const char *name, const char *text,
                  bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]),
                  void *user)
{
	struct reader r = { .file = name, .sections = true, .take = take, .user = user };
	char *copy = xstrdup(text);
	int code = text_read(&r, copy, strlen(copy));

	free(copy);
	free(r.extends);
	return code;
}

static int read_all(const char *path, bool sections,
                    bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]),
                    void *user)
{
	char *here = getcwd(NULL, 0), *file = path_expand(path, here ? here : "");
	int code = -1;

	for (int depth = 0; file && code == -1; depth++) {
		struct reader r = { .file = file, .depth = depth, .sections = sections,
		                    .take = take, .user = user };
		if (depth == DEEPEST) {
			code = value_error("%s: expected at most %d files that extend each other",
			                   file, DEEPEST);
		} else {
			code = parse_file(&r);
		}
		free(file);
		file = r.extends;
	}
	free(file);
	free(here);
	return code;
}

int ini_read(const char *path,
             bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]), void *user)
{
	return read_all(path, false, take, user);
}

int ini_read_sections(const char *path,
                      bool (*take)(void *user, const struct ini_line *, char error[ERROR_MAX]),
                      void *user)
{
	return read_all(path, true, take, user);
}
