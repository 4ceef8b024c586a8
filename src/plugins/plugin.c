/* plugin.c - behaviors and protocols in files of their own: loaded, and checked as those built
 * in. */
#include "plugins/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "plugins/lua_loader.h"
#include "spec/registry.h"
#include "spec/registry_check.h"

static struct plugin {
	/* its real path: a file is loaded once, however often it is named */
	char *file;
	struct plugin *next;
} *plugins;

static bool fixed;                      /* all are here: threads and settings count on it */

static bool plugin_here(const char *real)
{
	const struct plugin *p = plugins;

	while (p && strcmp(p->file, real))
		p = p->next;
	return p;
}

static size_t guests_count(void)
{
	size_t b, p;

	behaviors_all(&b);
	protocols_all(&p);
	return b + p;
}

/* A shared object's guests announce themselves while it is loaded, as those built in do before
 * main. */
static bool object_load(const char *real, char error[ERROR_MAX])
{
	size_t before = guests_count(), n = strlen(real);

	if (!dlopen(real, RTLD_NOW | RTLD_LOCAL)) {
		const char *why = dlerror();
		/* it is named in our sentence already */
		bool named = !strncmp(why, real, n) && !strncmp(why + n, ": ", 2);
		error_format(error, "%s", named ? why + n + 2 : why);
		return false;
	}
	if (guests_count() == before)
		error_format(error, "expected a BEHAVIOR() or a PROTOCOL() in it, found neither");
	return guests_count() > before;
}

static const struct loader {
	const char *ending;
	bool (*load)(const char *real, char error[ERROR_MAX]);
} loaders[] = {
	{ ".so", object_load },
	{ ".lua", script_load },
};

static const struct loader *loader_of(const char *file)
{
	size_t n = strlen(file);

	for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++) {
		size_t m = strlen(loaders[i].ending);
		if (n > m && !strcmp(file + n - m, loaders[i].ending))
			return &loaders[i];
	}
	return NULL;
}

static void plugin_keep(const char *real)
{
	struct plugin *p = xcalloc(1, sizeof *p);
	p->file = xstrdup(real);
	p->next = plugins;
	plugins = p;
}

bool plugin_load(const char *file, char error[ERROR_MAX])
{
	char real[PATH_MAX], why[ERROR_MAX], shown[100];
	const struct loader *loader = loader_of(file);

	text_printable(file, shown, sizeof shown);
	if (!loader) {
		error_format(error, "plugin: expected a file that ends in .so or .lua, got '%s'",
		             shown);
		return false;
	}
	if (!realpath(file, real)) {
		error_format(error, "plugin %s: %s", shown, strerror(errno));
		return false;
	}
	if (plugin_here(real))
		return true;
	if (fixed) {
		error_format(error, "plugin %s: a new plugin takes a new start", shown);
		return false;
	}
	if (file_check(real, why)) {    /* the system's loader would wait for a pipe */
		error_format(error, "plugin %s: %s", shown, why);
		return false;
	}
	/* there was none before */
	const char *fault = loader->load(real, why) ? registry_error() : why;
	if (fault) {
		error_format(error, "plugin %s: %s", shown, fault);
		return false;
	}
	plugin_keep(real);
	return true;
}

void plugins_each(void (*tell)(void *user, const char *file, uint64_t errors), void *user)
{
	for (const struct plugin *p = plugins; p; p = p->next)
		tell(user, p->file, script_errors(p->file));
}

static void json_tell(void *user, const char *file, uint64_t errors)
{
	json_array_append_new(user, json_pack("{s:o, s:I}", "file", json_text(file), "errors",
	                                      (json_int_t)errors));
}

json_t *plugins_json(void)
{
	json_t *all = json_array();

	plugins_each(json_tell, all);
	return all;
}

void plugins_fix(void)
{
	fixed = true;
}

void plugins_reload(void)
{
	scripts_reload();
}

/* Shared objects are left in place: a sanitizer may still want to name what is in them. */
void plugins_free(void)
{
	scripts_free();
	for (struct plugin *p = plugins, *next; p; p = next) {
		next = p->next;
		free(p->file);
		free(p);
	}
	plugins = NULL;
}
