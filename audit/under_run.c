/* under_run.c - --run: the auditor starts again, as the command of a `vaurien run`. */
#include "audit/under_run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define MARK "VAURIEN_AUDIT_RUN"        /* in the environment of the second one */

/* This program, or the one beside it. */
static char *program(const char *beside)
{
	static char self[PATH_MAX];
	char *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (!beside || !slash)
		return xstrdup(self);
	path = xasprintf("%.*s/%s", (int)(slash - self), self, beside);
	return path;
}

/* "*:5000" of "http://localhost:5000/": the probes of the auditor go to the application itself. To
 * be freed. */
static char *probe_pattern(const char *url)
{
	const char *host = strstr(url, "://"), *port = NULL;

	if (!host)
		return NULL;
	host += 3;
	for (const char *c = host; *c && !strchr("/?#", *c); c++)
		port = *c == ':' ? c + 1 : *c == ']' ? NULL : port;
	return port ? xasprintf("*:%.*s", (int)strspn(port, "0123456789"), port) :
	              xasprintf("*:%d", strncmp(url, "https", 5) ? 80 : 443);
}

static void words_add(struct texts *words, const char *word)
{
	texts_add(words, word, strlen(word));
}

static int become_run(struct options *o, char **argv)
{
	const char *config = option_values(o)->config;
	struct texts words = { .n = 0 };
	char *self = program(NULL), *vaurien = program("vaurien");

	words_add(&words, vaurien);
	words_add(&words, "run");
	words_add(&words, "--no-wait");
	for (size_t i = 0; i < o->own.n; i++)
		words_add(&words, o->own.at[i]);
	if (config) {
		words_add(&words, "--config");
		words_add(&words, config);
	}
	for (size_t i = 0; i < o->n_probes; i++) {
		const char *url = probe_values(&o->probes[i])->url;
		char *pattern = url ? probe_pattern(url) : NULL;
		if (pattern) {
			words_add(&words, "--except");
			words_add(&words, pattern);
		}
		free(pattern);
	}
	words_add(&words, "--");
	words_add(&words, self);
	for (char **word = argv + 1; *word; word++)
		words_add(&words, *word);
	char **line = xcalloc(words.n + 1, sizeof *line);
	memcpy(line, words.at, words.n * sizeof *line);
	setenv(MARK, "1", 1);
	execv(vaurien, line);
	int code = option_error("--run: cannot start %s: %s", vaurien, strerror(errno));
	free(line);
	texts_free(&words);
	free(self);
	free(vaurien);
	return code;
}

int under_run(struct options *o, char **argv)
{
	const char *api = getenv("VAURIEN_API");
	const struct vn_opt *row = o->table;
	char error[ERROR_MAX];

	if (!o->command)
		return option_error("--run: expected -- COMMAND, which it starts");
	if (option_values(o)->attach)
		return option_error("--run: expected no --attach beside it");
	if (!getenv(MARK) || !api)
		return become_run(o, argv);
	unsetenv(MARK);
	while (strcmp(row->name, "attach"))
		row++;
	return options_set(o, row, api, 1, error) ? -1 : option_error("%s", error);
}
