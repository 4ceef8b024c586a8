/* keeper.c - gives back the backends that a scenario has changed, if the auditor dies before. */
#include "audit/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/memory.h"

enum {
	ATTEMPTS = 10,                  /* a second apart, if the API does not answer */
	CHILD_PIPE = 3,                 /* the child's only file but the first three */
};

/* ---- the child ---- */

/* What is noted when the pipe ends: the backend for each path. */
static json_t *notes_read(FILE *from)
{
	json_t *notes = json_object(), *note, *backend;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, from) > 0) {
		note = json_loads(line, 0, NULL);
		const char *path = json_string_value(json_object_get(note, "path"));
		backend = json_object_get(note, "backend");
		if (path && backend)
			json_object_set(notes, path, backend);
		else if (path)
			json_object_del(notes, path);
		json_decref(note);
	}
	free(line);
	return notes;
}

static void give_back(struct api *api, const char *path, json_t *backend)
{
	json_t *body = json_pack("{s:O}", "backend", backend);

	for (int i = 0; i < ATTEMPTS && !api_put_alone(api, path, body); i++)
		sleep(1);
	json_decref(body);
}

/* The signals that end the auditor are blocked here, too: the pipe alone ends the child. */
static _Noreturn void child(int pipe, struct api *api)
{
	int none = open("/dev/null", O_RDWR);
	const char *path;
	json_t *backend;

	setsid();
	prctl(PR_SET_NAME, "audit-keeper");
	for (int fd = 0; fd < CHILD_PIPE; fd++)
		dup2(none, fd);         /* nobody waits for the end of its output */
	if (pipe != CHILD_PIPE)
		dup2(pipe, CHILD_PIPE);
	close_range(CHILD_PIPE + 1, ~0U, 0);
	json_t *notes = notes_read(xalloced(fdopen(CHILD_PIPE, "r")));
	json_object_foreach(notes, path, backend)
		give_back(api, path, backend);
	_exit(0);
}

/* ---- the auditor ---- */

static bool begin(struct keeper *k, struct api *api)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	fflush(NULL);                   /* or the child has it, too */
	pid_t pid = fork();
	if (pid == 0)
		child(ends[0], api);
	close(ends[0]);
	if (pid < 0)
		close(ends[1]);
	else
		k->pipe = ends[1];
	return pid > 0;
}

/* Takes over `note`. One write: a line is whole, or not there. */
static bool tell(struct keeper *k, json_t *note)
{
	char *text = xalloced(json_dumps(note, JSON_COMPACT)), *line;
	int n = asprintf(&line, "%s\n", text);
	bool told = n > 0 && write(k->pipe, line, (size_t)n) == n;

	free(text);
	free(line);
	json_decref(note);
	return told;
}

bool keeper_note(struct keeper *k, struct api *api, const char *path, const char *backend)
{
	return (k->pipe || begin(k, api)) &&
	       tell(k, json_pack("{s:s, s:s}", "path", path, "backend", backend));
}

void keeper_forget(struct keeper *k, const char *path)
{
	if (k->pipe)
		tell(k, json_pack("{s:s}", "path", path));
}

void keeper_end(struct keeper *k)
{
	if (k->pipe)
		close(k->pipe);
	k->pipe = 0;
}
