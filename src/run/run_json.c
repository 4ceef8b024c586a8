/* run_json.c - GET /run: the command, its processes, and what was left alone.
 *
 * The supervisor's thread makes the answer; it alone knows what it is made of. */
#include "run/run_json.h"

#include <stdlib.h>
#include <unistd.h>

#include "api/router.h"
#include "base/json.h"
#include "base/memory.h"
#include "run/command.h"
#include "run/tree.h"

enum { SHOWN = 1000 };

static struct { struct supervisor *supervisor; struct control *control; } now;

void run_json_begin(struct supervisor *s, struct control *c)
{
	now.supervisor = s;
	now.control = c;
}

void run_json_end(void)
{
	now.supervisor = NULL;
}

struct inquiry {
	struct mail mail;
	struct supervisor *supervisor;
	struct request *request;
	json_t *answer;
};

static json_t *processes_json(void)
{
	static pid_t pids[SHOWN];
	size_t n = tree_list(pids, SHOWN);
	json_t *all = json_array();

	for (size_t i = 0; i < n && i < SHOWN; i++) {
		char name[64];
		tree_show(&pids[i], 1, 1, name, sizeof name);
		char *bracket = strrchr(name, ' ');
		if (bracket)
			*bracket = '\0';
		if (*name)
			json_array_append_new(all, json_pack("{s:i, s:o}", "pid", (int)pids[i],
			                                     "name", json_text(name)));
	}
	return all;
}

static json_t *run_json(const struct supervisor *s)
{
	json_t *words = json_array();

	for (char **w = s->run->command; *w; w++)
		json_array_append_new(words, json_text(*w));
	return json_pack("{s:o, s:i, s:b, s:s, s:o, s:o, s:o}", "command", words,
	                 "pid", (int)s->command->pid, "running", s->pid != 0,
	                 "mode", s->mode == RUN_SOCKET ? "socket" : "rewrite",
	                 "processes", processes_json(), "left_alone", left_json(&s->left),
	                 "failed", left_json(&s->failed));
}

static void inquiry_return(struct mail *m)
{
	struct inquiry *q = OWNER(inquiry, mail, m);

	request_answer(q->request, 200, q->answer);
	free(q);
}

static void inquiry_open(struct mail *m)
{
	struct inquiry *q = OWNER(inquiry, mail, m);

	q->answer = run_json(q->supervisor);
	q->mail.open = inquiry_return;
	loop_post(q->supervisor->control_loop, &q->mail);
}

static void get_run(struct request *r)
{
	struct inquiry *q;

	if (!now.supervisor) {
		request_error(r, 404, "url", "", "this is no 'vaurien run'");
		return;
	}
	q = xcalloc(1, sizeof *q);
	*q = (struct inquiry){ .mail.open = inquiry_open, .supervisor = now.supervisor,
	                       .request = r };
	loop_post(&now.supervisor->loop, &q->mail);
}

static const struct route routes[] = {
	{ "GET", "/run", get_run, false },
	{ NULL },
};

DIALECT(run, .routes = routes)
