/* beanstalk - beanstalkd: a command is a line, so is its answer; a job's body follows its line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "vaurien.h"

enum { IS_JOB = VN_IS_OWN };               /* the command names a job */

static const struct command { const char *name; unsigned is; enum vn_role role; } commands[] = {
	{ "put", VN_IS_WRITE }, { "reserve", VN_IS_READ }, { "reserve-with-timeout", VN_IS_READ },
	{ "delete", IS_JOB },
	{ "release", IS_JOB }, { "bury", IS_JOB }, { "touch", IS_JOB }, { "kick-job", IS_JOB },
	{ "peek", IS_JOB },
	{ "quit", 0, VN_SILENT }, { "" },
};

static const struct command *command_find(struct vn_span verb)
{
	const struct command *c = commands;

	while (*c->name && (strlen(c->name) != verb.n || memcmp(c->name, verb.p, verb.n)))
		c++;
	return c;
}

/* The length of the first line, with its end. 0: it is incomplete. */
static size_t line_length(struct vn_span in)
{
	const uint8_t *end = memmem(in.p, in.n, "\r\n", 2);

	return end ? (size_t)(end - in.p) + 2 : 0;
}

/* Splits the line into words. Returns their number, at most 6. */
static size_t words_of(struct vn_span line, struct vn_span words[6])
{
	size_t n = 0;

	for (size_t i = 0; i < line.n && n < 6; n++) {
		const uint8_t *blank = memchr(line.p + i, ' ', line.n - i);
		size_t end = blank ? (size_t)(blank - line.p) : line.n;
		words[n] = (struct vn_span){ line.p + i, end - i };
		i = end + 1;
	}
	return n;
}

/* The line and its body. The size comes from the peer, and is empty where number() rejected it. */
static struct vn_cut with_body(size_t line, struct vn_span size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size.n; i++)
		n = n * 10 + (uint64_t)(size.p[i] - '0');
	return (struct vn_cut){ VN_CUT_END, size.n ? line + n + 2 : line };
}

static struct vn_span number(struct vn_span word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!isdigit(word.p[i]))
			return (struct vn_span){ 0 };
	return word.n <= 10 ? word : (struct vn_span){ 0 };
}

static bool is(struct vn_span word, const char *text)
{
	return word.n == strlen(text) && !memcmp(word.p, text, word.n);
}

static struct vn_cut request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct vn_span words[6] = { 0 };
	size_t line = line_length(in), n;

	if (!line)
		return (struct vn_cut){ VN_CUT_MORE };
	n = words_of((struct vn_span){ in.p, line - 2 }, words);
	const struct command *c = command_find(words[0]);
	*m = (struct vn_message){ .role = c->role, .is = VN_IS_COMMAND | c->is,
	                          .head = (uint16_t)line };
	for (size_t i = 0; i < words[0].n && i + 1 < sizeof m->verb; i++)
		m->verb[i] = (char)toupper(words[0].p[i]);
	if (n > 1)
		m->subject = (struct vn_span){ words[1].p, line - 2 - (size_t)(words[1].p - in.p) };
	if (!is(words[0], "put") || n != 5)
		return with_body(line, (struct vn_span){ 0 });
	return with_body(line, number(words[4]));
}

/* Answers that are errors: the event `exchange` has them as its `error`. */
static const char *const errors[] = {
	"OUT_OF_MEMORY", "INTERNAL_ERROR", "BAD_FORMAT", "UNKNOWN_COMMAND", "JOB_TOO_BIG",
	"DRAINING", "NOT_FOUND", "DEADLINE_SOON", NULL
};

static struct vn_cut response(struct vn_session *t, struct vn_span in,
                              const struct vn_message *asked, struct vn_message *m)
{
	struct vn_span words[6] = { 0 }, size = { 0 };
	size_t line = line_length(in), n;

	if (!line)
		return (struct vn_cut){ VN_CUT_MORE };
	n = words_of((struct vn_span){ in.p, line - 2 }, words);
	*m = (struct vn_message){ .role = asked ? VN_ANSWERS : VN_PUSH, .head = (uint16_t)line };
	for (const char *const *e = errors; n == 1 && *e; e++)
		if (is(words[0], *e))
			vn_session_error(t, *e, strlen(*e));
	if ((n == 3 && (is(words[0], "RESERVED") || is(words[0], "FOUND"))) ||
	    (n == 2 && is(words[0], "OK")))
		size = number(words[n - 1]);
	return with_body(line, size);
}

static const struct vn_failure failures[] = {
	{ "out_of_memory", "OUT_OF_MEMORY", "there is no memory for the job", VN_IS_WRITE,
	  VN_ON_REQUEST },
	{ "draining", "DRAINING", "no new jobs are accepted", VN_IS_WRITE, VN_ON_REQUEST },
	{ "too_big", "JOB_TOO_BIG", "the job's body is too large", VN_IS_WRITE, VN_ON_REQUEST,
	  .by_name = true },
	{ "not_found", "NOT_FOUND", "the job is not there, or not this client's", IS_JOB,
	  VN_ON_REQUEST },
	{ "deadline_soon", "DEADLINE_SOON", "a reserved job's time is nearly over", VN_IS_READ,
	  VN_ON_REQUEST },
	{ "internal_error", "INTERNAL_ERROR", "a bug in the server", VN_IS_COMMAND, VN_ON_REQUEST },
	{ 0 }
};

/* A rejected command changes nothing in the server, so it needs no substitute. */
static int refuse(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
                  struct vn_buffer *backend)
{
	return 0;
}

static void word(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
                 struct vn_buffer *client)
{
	vn_buffer_put(client, f->code, strlen(f->code));
	vn_buffer_put(client, "\r\n", 2);
}

VN_PROTOCOL(beanstalk,
	.help = "beanstalkd's jobs in tubes",
	.request = request, .response = response,
	.failures = failures, .refuse = refuse, .word = word)
