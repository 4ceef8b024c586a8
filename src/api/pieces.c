/* pieces.c - an answer of any length, made piece by piece while it is sent. */
#include "api/pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BATCH = 64 * 1024 };             /* bytes after which no other piece is added */

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

static ssize_t pieces_pull(struct stream *s, char *bytes, size_t room)
{
	struct pieces *p = OWNER(pieces, stream, s);

	while (p->at == p->n && !p->whole)
		batch_make(p);
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

	free(p->text);
	p->gone(p);
}

void request_pieces(struct request *r, unsigned status, const char *type, struct pieces *p)
{
	p->stream = (struct stream){ pieces_pull, pieces_gone };
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
