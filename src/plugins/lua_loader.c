/* lua_loader.c - scripts' files: read, compiled, announced; and again on SIGHUP. */
#include "plugins/lua_loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/lua_guest.h"
#include "plugins/lua_instance.h"
#include "plugins/lua_sandbox.h"

static struct script *scripts;
static unsigned n_scripts;              /* fixed when there are threads */

/* ---- read ---- */

/* NULL: `error` says why. */
static char *file_text(const char *path, char error[ERROR_MAX])
{
	enum { LONGEST = (1 << 20) - 1 };
	char *text;
	size_t n;
	int why = file_read(path, LONGEST, &text, &n, error);

	if (!why && strlen(text) == n)
		return text;
	if (!why)
		free(text);
	if (why <= 0 && file_check(path, error) == 0)
		error_format(error, "expected a Lua script, as text and of less than 1 MiB");
	return NULL;
}

static int read_inside(lua_State *L)
{
	struct script *s = call_of(L)->script;

	sandbox_run(L, s->name, s->text);
	script_read(L, s);
	return 0;
}

/* The file as a script, its guest not announced yet. NULL: `error` says why. */
static struct script *script_make(const char *real, char error[ERROR_MAX])
{
	char *text = file_text(real, error);

	if (!text)
		return NULL;
	struct script *s = script_new(real, text);
	if (script_try(s, read_inside, 10 * STEPS_MAX, error))
		return s;
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
	if (s->is_protocol)
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

/* ---- read again ---- */

/* Rules and connections count on what the script announced, so that must stay the same. */
static void script_reload(struct script *s)
{
	char error[ERROR_MAX];
	struct script *fresh = script_make(s->file, error);

	if (fresh)
		error[0] = '\0';
	if (fresh && strcmp(fresh->announced, s->announced)) {
		error_format(error, "its name, moments, options or failures are others now, "
		             "and take a new start");
	} else if (fresh && strcmp(fresh->text, s->text)) {
		script_swap_text(s, fresh);
		log_info("plugin=%s: read again", s->name);
	}
	if (error[0])
		log_warning("plugin=%s: stays as it was: %s", s->name, error);
	script_free(fresh);
}

void scripts_reload(void)
{
	for (struct script *s = scripts; s; s = s->next)
		script_reload(s);
}

void scripts_free(void)
{
	instances_free();
	for (struct script *s = scripts, *next; s; s = next) {
		next = s->next;
		script_free(s);
	}
	scripts = NULL;
}
