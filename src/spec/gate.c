/* gate.c - how a proxy without a listening socket of its own takes clients at present. */
#include "spec/gate.h"

#include "base/memory.h"

struct gate *gate_make(const char *backend)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->refs = 1;
	g->backend = xstrdup(backend);
	return g;
}

struct gate *gate_ref(struct gate *g)
{
	if (g)
		g->refs++;
	return g;
}

void gate_unref(struct gate *g)
{
	if (!g || --g->refs)
		return;
	free(g->backend);
	free(g);
}
