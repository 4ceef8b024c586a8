/* gate.h - how a proxy without a listening socket of its own takes clients at present.
 *
 * A thread outside of the engine accepts such a proxy's clients: see engine/birth.h. The gate shows
 * it what the rules want. Counted by the proxy's specs and by that thread. Worker 0 writes; any
 * thread reads. */
#ifndef SPEC_GATE_H
#define SPEC_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

enum gate_state {
	GATE_OPEN,
	GATE_CLOSED,                    /* clients are refused: by a rule, or it is disabled */
	GATE_SILENT,                    /* clients are not answered */
	GATE_GONE,                      /* the proxy was removed */
};

struct gate {
	_Atomic unsigned refs;
	_Atomic enum gate_state state;
	/* A rule may act before the backend is connected: it must not be connected earlier. */
	_Atomic bool opening;
	_Atomic bool moved;             /* the backend is not the one that it was made with */
	bool discovered;                /* nobody has named it */
	char *backend;                  /* the text of that one */
};

struct gate *gate_make(const char *backend);    /* one reference; it is open */
struct gate *gate_ref(struct gate *);           /* NULL: there is none */
void gate_unref(struct gate *);

#endif
