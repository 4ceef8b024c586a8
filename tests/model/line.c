/* line.c - toy protocol of lines for the model test, with pipelining, bodies, pushes and refusals.
 *
 *   request   ?text     VN_ASKS
 *             #n text   VN_ASKS, with n bytes of body
 *             !text     VN_SILENT
 *             .text     VN_TELLS: rules judge it, and it has no answer
 *             >text     VN_ASKS, and the next message is a sequel if the server accepts this one
 *   response  =text     an answer
 *             #n text   an answer, with n bytes of body
 *             +text     part of an answer: more follows
 *             ~text     an answer that does not accept the sequel
 *             *text     a push
 *
 * The failure "edited" lets the request go on, and edits the line that ends its answer. An answer
 * with a body cannot be edited.
 *
 * With `line` the server waits for the client. With `greeter` the server greets first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaurien.h"

enum { EDITED = 9 };

static const struct vn_failure failures[] = {
	/* The last column is the number of substitutes, or EDITED. */
	{ "no", "1", "no", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY, 1 },
	{ "twice", "2", "twice", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY, 2 },
	{ "quiet", "0", "quiet", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY, 0 },
	{ "edited", "0", "edited", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY, EDITED },
	{ "bye", "0", "bye", VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE, 0 },
	{ "full", "0", "full", VN_IS_OPENING, VN_ON_REQUEST, VN_CLOSE, 0 },
	{ "idle", "0", "idle", VN_IS_COMMAND, VN_ON_REST, VN_CLOSE, 0 },
	{ "agreed", "0", "agreed", 0, 0, VN_STAY, 0 },          /* never by a rule */
	{ 0 }
};

/* One connection. UNDECIDED: the server has not accepted a sequel yet. SEQUEL: it comes next. */
struct line {
	enum { PLAIN, UNDECIDED, SEQUEL } mode;
	struct vn_message sequel;
};

/* Returns the next line, without its end. n is 0 if it is incomplete. */
static struct vn_span line_of(struct vn_span at)
{
	const uint8_t *end = memchr(at.p, '\n', at.n);

	return (struct vn_span){ at.p, end ? (size_t)(end - at.p) + 1 : 0 };
}

static struct vn_cut line_cut(struct vn_span line, enum vn_role role, struct vn_message *msg)
{
	struct vn_cut c = { VN_CUT_END, line.n };
	char *rest;

	msg->role = role;
	msg->head = 1;
	msg->subject = (struct vn_span){ line.p + 1, line.n - 2 };
	if (*line.p == '#') {
		c.len += strtoull((const char *)line.p + 1, &rest, 10);
		msg->subject = (struct vn_span){
			(uint8_t *)rest + 1, (size_t)(line.p + line.n - 1 - (uint8_t *)rest) - 1
		};
	}
	return c;
}

static void offer(struct vn_session *t, struct vn_message *msg)
{
	struct line *s = t->state;

	s->mode = UNDECIDED;
	s->sequel = (struct vn_message){ .role = VN_ASKS, .is = VN_IS_COMMAND, .verb = "SEQUEL" };
	msg->sequel = &s->sequel;
	msg->agreed = "agreed";
}

static struct vn_cut request(struct vn_session *t, struct vn_span at, struct vn_message *msg)
{
	struct vn_span line = line_of(at);
	struct line *s = t->state;

	if (s->mode == UNDECIDED && t->owed)
		return (struct vn_cut){ VN_CUT_WAIT };
	if (!line.n)
		return (struct vn_cut){ VN_CUT_MORE };
	if (!strchr("?!.#>", *line.p))
		return (struct vn_cut){ VN_CUT_RAW };
	bool sequel = s->mode == SEQUEL;
	s->mode = PLAIN;
	msg->is = VN_IS_COMMAND;
	snprintf(msg->verb, sizeof msg->verb, "%s",
	         strchr("!.", *line.p) ? "TELL" :
	         *line.p == '>'        ? "OFFER" :
	                                 "ASK");
	if (*line.p == '>' && !sequel)
		offer(t, msg);
	return line_cut(line,
	                sequel         ? VN_ASKS :
	                *line.p == '!' ? VN_SILENT :
	                *line.p == '.' ? VN_TELLS :
	                                 VN_ASKS,
	                msg);
}

/* The request before a sequel is answered. */
static void offered(struct vn_session *t, const struct vn_message *asked, bool agreed)
{
	struct line *s = t->state;

	if (!asked || strcmp(asked->verb, "OFFER") || asked->note & VN_NOTE_SUBSTITUTE)
		return;
	s->mode = agreed ? SEQUEL : PLAIN;
	t->no_sequel = !agreed;
}

/* The line that ends an answer, as the error that the rules want of it. */
static struct vn_cut edit(struct vn_session *t, struct vn_span line, const struct vn_failure *f)
{
	struct vn_cut c = { VN_CUT_END, line.n, .replaced = true };

	vn_buffer_byte(t->scratch, *line.p);
	vn_buffer_byte(t->scratch, 'E');
	vn_buffer_put(t->scratch, f->text, strlen(f->text));
	vn_buffer_byte(t->scratch, '\n');
	c.instead = vn_buffer_span(t->scratch);
	return c;
}

static struct vn_cut response(struct vn_session *t, struct vn_span at,
                              const struct vn_message *asked, struct vn_message *msg)
{
	struct vn_span line = line_of(at);

	if (!line.n)
		return (struct vn_cut){ VN_CUT_MORE };
	if (!strchr("=+#*~", *line.p))
		return (struct vn_cut){ VN_CUT_RAW };
	if (*line.p == '+')
		return (struct vn_cut){ VN_CUT_PART, line.n };
	if (*line.p != '*')
		offered(t, asked, *line.p != '~');
	if (asked && asked->struck && *line.p == '#')
		t->limit = "an answer with a body is not edited";
	if (asked && asked->struck && strchr("=~", *line.p))
		return edit(t, line, asked->struck);
	return line_cut(line, *line.p == '*' ? VN_PUSH : VN_ANSWERS, msg);
}

static int refuse(struct vn_session *t, const struct vn_message *msg, const struct vn_failure *f,
                  struct vn_buffer *backend)
{
	if (f->number == EDITED)
		return VN_BY_BACKEND;
	for (uint32_t i = 0; i < f->number; i++)
		vn_buffer_put(backend, "?nop\n", 5);
	return (int)f->number;
}

static void word(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
                 struct vn_buffer *client)
{
	if (!strcmp(f->name, "agreed"))
		offered(t, asked, true);
	vn_buffer_byte(client, '=');
	vn_buffer_byte(client, 'E');
	vn_buffer_put(client, f->text, strlen(f->text));
	vn_buffer_byte(client, '\n');
}

VN_PROTOCOL(line, .help = "A toy", .state_size = sizeof(struct line), .request = request,
            .response = response, .failures = failures, .refuse = refuse, .word = word)
VN_PROTOCOL(greeter, .help = "A toy whose server greets", .state_size = sizeof(struct line),
            .server_first = true, .request = request, .response = response, .failures = failures,
            .refuse = refuse, .word = word)
