/* backend_note.c - what connections to one backend have learnt of it, for those that come later. */
#include "spec/backend_note.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct vn_backend_note { _Atomic unsigned refs; _Atomic uint64_t number; char *_Atomic name; };

struct vn_backend_note *backend_note_make(void)
{
	struct vn_backend_note *n = xcalloc(1, sizeof *n);

	n->refs = 1;
	return n;
}

struct vn_backend_note *backend_note_ref(struct vn_backend_note *n)
{
	n->refs++;
	return n;
}

void backend_note_unref(struct vn_backend_note *n)
{
	if (!n || --n->refs)
		return;
	free(n->name);
	free(n);
}

uint64_t vn_backend_note_get(const struct vn_backend_note *n)
{
	return n ? atomic_load_explicit(&n->number, memory_order_relaxed) : 0;
}

/* Most connections learn what is known: they leave the line of memory alone. */
void vn_backend_note_set(struct vn_backend_note *n, uint64_t number)
{
	if (n && vn_backend_note_get(n) != number)
		atomic_store_explicit(&n->number, number, memory_order_relaxed);
}

const char *vn_backend_note_name(const struct vn_backend_note *n)
{
	return n ? atomic_load_explicit(&n->name, memory_order_acquire) : NULL;
}

void vn_backend_note_name_set(struct vn_backend_note *n, struct vn_span name)
{
	char *none = NULL;

	if (!n || vn_backend_note_name(n))
		return;
	char *mine = xmalloc(name.n + 1);
	memcpy(mine, name.p, name.n);
	mine[name.n] = '\0';
	if (!atomic_compare_exchange_strong_explicit(
		    &n->name, &none, mine, memory_order_release, memory_order_relaxed))
		free(mine);
}
