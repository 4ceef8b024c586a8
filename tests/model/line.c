/* line - a toy protocol of lines, with pipelining, bodies, pushes and refusals: what the engine is tested with.
 *
 *   request    ?text     asks            !text    silent           #n text  asks, n bytes of body follow
 *              .text     tells: rules decide it, and nothing answers
 *              >text     asks leave for a sequel: if it is given, that is the next message, whatever it looks like
 *   response   =text     answers         +text    ... after this    #n text  answers, n bytes of body follow
 *              *text     push            ~text    answers, and gives no leave
 *
 * `line` waits for the client; under `greeter` the server greets first, with an answer to nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaurien.h"

static const struct failure failures[] = {
	{ "no", "1", "no", IS_COMMAND, ON_REQUEST, STAY, 1 },           /* replaced by one request */
	{ "twice", "2", "twice", IS_COMMAND, ON_REQUEST, STAY, 2 },     /* ... by two */
	{ "quiet", "0", "quiet", IS_COMMAND, ON_REQUEST, STAY, 0 },     /* ... by none */
	{ "bye", "0", "bye", IS_COMMAND, ON_REQUEST, CLOSE, 0 },
	{ "full", "0", "full", IS_OPENING, ON_REQUEST, CLOSE, 0 },
	{ "idle", "0", "idle", IS_COMMAND, ON_REST, CLOSE, 0 },
	{ "agreed", "0", "agreed", 0, 0, STAY, 0 },                     /* the protocol's own */
	{ 0 }
};

struct line {                           /* one connection */
	enum { PLAIN, UNDECIDED, SEQUEL } mode;         /* is leave given for a sequel? | it comes next */
	struct message sequel;
};

/* The line at hand, without its end: n = 0 where it is not whole. */
static struct span line_of(struct span at)
{
	const uint8_t *end = memchr(at.p, '\n', at.n);

	return (struct span){ at.p, end ? (size_t)(end - at.p) + 1 : 0 };
}

static struct cut line_cut(struct span line, enum role role, struct message *msg)
{
	struct cut c = { CUT_END, line.n };
	char *rest;

	msg->role = role;
	msg->head = 1;
	msg->subject = (struct span){ line.p + 1, line.n - 2 };
	if (*line.p == '#') {
		c.len += strtoull((const char *)line.p + 1, &rest, 10);
		msg->subject = (struct span){ (uint8_t *)rest + 1, (size_t)(line.p + line.n - 1 - (uint8_t *)rest) - 1 };
	}
	return c;
}

static void offer(struct talk *t, struct message *msg)
{
	struct line *s = t->state;

	s->mode = UNDECIDED;
	s->sequel = (struct message){ .role = ASKS, .is = IS_COMMAND, .verb = "SEQUEL" };
	msg->sequel = &s->sequel;
	msg->agreed = "agreed";
}

static struct cut request(struct talk *t, struct span at, struct message *msg)
{
	struct span line = line_of(at);
	struct line *s = t->state;

	if (s->mode == UNDECIDED && t->owed)
		return (struct cut){ CUT_WAIT };
	if (!line.n)
		return (struct cut){ CUT_MORE };
	if (!strchr("?!.#>", *line.p))
		return (struct cut){ CUT_RAW };
	bool sequel = s->mode == SEQUEL;
	s->mode = PLAIN;
	msg->is = IS_COMMAND;
	snprintf(msg->verb, sizeof msg->verb, "%s", strchr("!.", *line.p) ? "TELL" : *line.p == '>' ? "OFFER" : "ASK");
	if (*line.p == '>' && !sequel)
		offer(t, msg);
	return line_cut(line, sequel ? ASKS : *line.p == '!' ? SILENT : *line.p == '.' ? TELLS : ASKS, msg);
}

/* An offer is answered. */
static void offered(struct talk *t, const struct message *asked, bool agreed)
{
	struct line *s = t->state;

	if (!asked || strcmp(asked->verb, "OFFER") || asked->note & NOTE_SUBSTITUTE)
		return;
	s->mode = agreed ? SEQUEL : PLAIN;
	t->no_sequel = !agreed;
}

static struct cut response(struct talk *t, struct span at, const struct message *asked, struct message *msg)
{
	struct span line = line_of(at);

	if (!line.n)
		return (struct cut){ CUT_MORE };
	if (!strchr("=+#*~", *line.p))
		return (struct cut){ CUT_RAW };
	if (*line.p == '+')
		return (struct cut){ CUT_PART, line.n };
	if (*line.p != '*')
		offered(t, asked, *line.p != '~');
	return line_cut(line, *line.p == '*' ? PUSH : ANSWERS, msg);
}

static int refuse(struct talk *t, const struct message *msg, const struct failure *f, struct out *backend)
{
	for (uint32_t i = 0; i < f->number; i++)
		out_put(backend, "?nop\n", 5);
	return (int)f->number;
}

static void word(struct talk *t, const struct message *asked, const struct failure *f, struct out *client)
{
	if (!strcmp(f->name, "agreed"))
		offered(t, asked, true);
	out_byte(client, '=');
	out_byte(client, 'E');
	out_put(client, f->text, strlen(f->text));
	out_byte(client, '\n');
}

PROTOCOL(line, .help = "A toy", .state_size = sizeof(struct line), .request = request, .response = response, .failures = failures, .refuse = refuse, .word = word)
PROTOCOL(greeter, .help = "A toy whose server greets", .state_size = sizeof(struct line), .server_first = true, .request = request, .response = response,
         .failures = failures, .refuse = refuse, .word = word)
