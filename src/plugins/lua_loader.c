/* lua_loader.c - scripts: files that are read, made into guests, and read again. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugins/lua_vm.h"

struct kept { struct kept *next; max_align_t bytes[]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of scripts' texts */
static struct script *scripts;
static unsigned n_scripts;              /* fixed when there are threads */

/* ---- a script ---- */

void *script_keep(struct script *s, size_t size)
{
	struct kept *k = xcalloc(1, sizeof *k + size);
	k->next = s->kept;
	s->kept = k;
	return k->bytes;
}

static void script_free(struct script *s)
{
	for (struct kept *k = s->kept, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(s->file);
	free(s->announced);
	free(s->text);
	free(s);
}

/* ---- read ---- */

/* Run the text, which leaves what it returns as the one thing on the stack. */
void script_run(lua_State *L, const struct script *s, const char *text)
{
	char chunk[80];

	snprintf(chunk, sizeof chunk, "@%s", s->name);
	if (luaL_loadbufferx(L, text, strlen(text), chunk, "t") != LUA_OK)
		lua_error(L);
	sandbox_push(L);
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 1);
	if (!lua_istable(L, -1))
		luaL_error(L, "expected the file to return a table, got %s", luaL_typename(L, -1));
}

char *script_text(struct script *s)
{
	pthread_mutex_lock(&lock);
	char *text = xstrdup(s->text);
	pthread_mutex_unlock(&lock);

	return text;
}

unsigned scripts_count(void)
{
	return n_scripts;
}

/* NULL: `error` says why. */
static char *file_text(const char *path, char error[ERROR_MAX])
{
	enum { LONGEST = 1 << 20 };
	FILE *in = fopen(path, "r");
	char *text = xmalloc(LONGEST + 1);
	size_t n = in ? fread(text, 1, LONGEST, in) : 0;
	bool read = in && !ferror(in);

	text[n] = '\0';
	if (!read)
		error_format(error, "%s", strerror(errno));
	else if (n == LONGEST || strlen(text) != n)
		error_format(error, "expected a Lua script, as text and of less than 1 MiB");
	if (in)
		fclose(in);
	if (read && n < LONGEST && strlen(text) == n)
		return text;
	free(text);
	return NULL;
}

static int read_inside(lua_State *L)
{
	struct script *s = vm_of(L)->script;

	script_run(L, s, s->text);
	script_read(L, s);
	return 0;
}

/* The file as a script, its guest not announced yet. NULL: `error` says why. */
static struct script *script_make(const char *real, char error[ERROR_MAX])
{
	struct vm *p = vm_here();
	struct script *s;
	char *text = file_text(real, error);

	if (!text)
		return NULL;
	s = xcalloc(1, sizeof *s);
	s->file = xstrdup(real);
	s->name = strrchr(s->file, '/') ? strrchr(s->file, '/') + 1 : s->file;
	s->text = text;
	atomic_store(&s->version, 1);
	p->script = s;
	bool good = vm_protect(p, read_inside, 10 * STEPS_MAX);
	p->script = NULL;
	if (good)
		return s;
	vm_thrown(p, error);
	script_free(s);
	return NULL;
}

bool script_load(const char *real, char error[ERROR_MAX])
{
	struct script *s = script_make(real, error);

	if (!s)
		return false;
	s->index = n_scripts++;
	s->next = scripts;
	scripts = s;
	if (s->speaks)
		vn_protocol_announce(&s->protocol);
	else
		vn_behavior_announce(&s->behavior);
	return true;
}

uint64_t script_errors(const char *real)
{
	const struct script *s = scripts;

	while (s && strcmp(s->file, real))
		s = s->next;
	return s ? atomic_load_explicit(&s->errors, memory_order_relaxed) : 0;
}

/* What a script announces is fixed while the program runs: rules and connections are made after it. */
static void script_reload(struct script *s)
{
	char error[ERROR_MAX];
	struct script *fresh = script_make(s->file, error);

	if (fresh && strcmp(fresh->announced, s->announced))
		error_format(error, "its name, moments, options or failures are others now, and take a new start");
	else if (fresh && strcmp(fresh->text, s->text)) {
		pthread_mutex_lock(&lock);
		char *old = s->text;
		s->text = fresh->text;
		fresh->text = old;
		pthread_mutex_unlock(&lock);
		atomic_fetch_add_explicit(&s->version, 1, memory_order_release);
		log_info("plugin=%s: read again", s->name);
		error[0] = '\0';
	} else if (fresh)
		error[0] = '\0';
	if (error[0])
		log_warning("plugin=%s: stays as it was: %s", s->name, error);
	if (fresh)
		script_free(fresh);
}

void scripts_reload(void)
{
	for (struct script *s = scripts; s; s = s->next)
		script_reload(s);
}

void scripts_free(void)
{
	vms_free();
	for (struct script *s = scripts, *next; s; s = next) {
		next = s->next;
		script_free(s);
	}
	scripts = NULL;
}
