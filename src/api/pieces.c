/* pieces.c - an answer of any length, made piece by piece while it is sent. */
#include "api/pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
	BATCH  = 64 * 1024,             /* bytes after which no other piece is added */
	A_TURN = 8,                     /* batches made between two looks at other clients */
};

static void batch_make(struct pieces *p)
{
	FILE *to;

	free(p->text);
	p->text = NULL;
	p->at = 0;
	to = open_memstream(&p->text, &p->n);
	assert(to);
	while (!p->whole && ftello(to) < BATCH)
		p->whole = !p->next(p, to);
	fclose(to);
	xalloced(p->text);
}

/* ---- whose turn it is ---- */

static void pieces_queue(struct pieces *p)
{
	struct turns *t = p->turns;

	p->next_turn = NULL;
	p->link = t->last ? t->last : &t->first;
	*p->link = p;
	t->last = &p->next_turn;
}

static void pieces_unqueue(struct turns *t, struct pieces *p)
{
	*p->link = p->next_turn;
	if (p->next_turn)
		p->next_turn->link = p->link;
	else
		t->last = p->link;
	p->link = NULL;
}

void pieces_turn(struct http *h)
{
	struct turns *t = &h->turns;

	for (t->made = 0; t->made < A_TURN && t->first; t->made++) {
		struct pieces *p = t->first;
		pieces_unqueue(t, p);
		p->granted = true;
		stream_wake(&p->stream);
	}
}

/* ---- a stream ---- */

static ssize_t pieces_pull(struct stream *s, char *bytes, size_t room)
{
	struct pieces *p = OWNER(pieces, stream, s);
	struct turns *t = p->turns;

	while (p->at == p->n && !p->whole) {
		if (!p->granted && t->made++ >= A_TURN) {
			pieces_queue(p);
			return 0;
		}
		p->granted = false;
		batch_make(p);
	}
	size_t n = p->n - p->at < room ? p->n - p->at : room;
	if (!n)
		return -1;
	memcpy(bytes, p->text + p->at, n);
	p->at += n;
	return (ssize_t)n;
}

static void pieces_gone(struct stream *s)
{
	struct pieces *p = OWNER(pieces, stream, s);

	if (p->link)
		pieces_unqueue(p->turns, p);
	free(p->text);
	p->gone(p);
}

void request_pieces(struct request *r, unsigned status, const char *type, struct pieces *p)
{
	p->stream = (struct stream){ pieces_pull, pieces_gone };
	p->turns = &r->http->turns;
	batch_make(p);
	if (!p->whole) {
		request_hold(r, p->n);
		request_stream(r, status, type, &p->stream);
		return;
	}
	char *text = p->text;
	size_t n = p->n;
	p->gone(p);
	request_answer_text(r, status, type, text, n);
}
