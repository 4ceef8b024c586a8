/* lua_script.c - scripts as data: made, kept, freed; the text under its lock. */
#include "plugins/lua_script.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"

struct kept { struct kept *next; max_align_t bytes[]; };

const char *const hook_names[HOOKS] = {
	"act", "request", "response", "fits", "refuse", "word"
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of all scripts' texts */

struct script *script_new(const char *real, char *text)
{
	struct script *s = xcalloc(1, sizeof *s);
	const char *slash;

	s->file = xstrdup(real);
	slash = strrchr(s->file, '/');
	s->name = slash ? slash + 1 : s->file;
	s->text = text;
	atomic_store(&s->version, 1);
	return s;
}

void script_free(struct script *s)
{
	if (!s)
		return;
	for (struct kept *k = s->kept, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(s->file);
	free(s->announced);
	free(s->text);
	free(s);
}

void *script_keep(struct script *s, size_t size)
{
	struct kept *k = xcalloc(1, sizeof *k + size);

	k->next = s->kept;
	s->kept = k;
	return k->bytes;
}

char *script_text(struct script *s)
{
	pthread_mutex_lock(&lock);
	char *text = xstrdup(s->text);
	pthread_mutex_unlock(&lock);

	return text;
}

void script_swap_text(struct script *s, struct script *fresh)
{
	pthread_mutex_lock(&lock);
	char *old = s->text;
	s->text = fresh->text;
	fresh->text = old;
	pthread_mutex_unlock(&lock);
	atomic_fetch_add_explicit(&s->version, 1, memory_order_release);
}

const struct vn_opt *script_options(const struct script *s)
{
	return s->is_protocol ? s->protocol.options : s->behavior.options;
}
