/* plugin_flags.c - load the plugins that command line and INI file name. */
#include "config/plugin_flags.h"

#include <stdlib.h>
#include <string.h>

#include "config/error.h"
#include "config/flags_file.h"
#include "config/ini.h"
#include "config/parse.h"
#include "plugins/plugin.h"
#include "spec/registry.h"

static int flag_take(void *user, const char *file)
{
	char error[ERROR_MAX];

	return plugin_load(file, error) ? -1 : value_error("%s", error);
}

static int config_note(void *user, const char *file)
{
	*(const char **)user = file;            /* the last --config counts */
	return -1;
}

static bool guest_here(const char *name, bool behavior)
{
	return behavior ? behavior_find(name) != NULL : protocol_find(name) != NULL;
}

/* Lines come nearest first, so an extended file cannot replace a guest that is loaded. */
static bool line_take(void *user, const struct ini_line *line, char error[ERROR_MAX])
{
	bool behavior;
	const char *guest = flags_section_guest(line->section, &behavior);

	if (!guest || strcmp(line->key, "plugin") || (line->depth && guest_here(guest, behavior)))
		return true;
	char *file = ini_path(line), shown[60];
	bool good = plugin_load(file, error);
	if (good && !guest_here(guest, behavior)) {
		error_format(error, "plugin %s: expected a %s '%.60s' in it, found none",
		             text_printable(file, shown, sizeof shown),
		             behavior ? "behavior" : "protocol", guest);
		good = false;
	}
	free(file);
	return good;
}

int plugins_read(const struct flags *flags, int argc, char **argv)
{
	const char *config = NULL;
	int code = flags_peek(flags, "plugin", argc, argv, flag_take, NULL);

	if (code == -1)
		code = flags_peek(flags, "config", argc, argv, config_note, &config);
	return code == -1 && config && !is_json(config) ? ini_read(config, line_take, NULL) : code;
}
