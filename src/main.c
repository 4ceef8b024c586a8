/* main.c - from the command line to the control thread and back. */
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "demo.h"
#include "plugins/plugin.h"
#include "spec/registry.h"
#include "config/settings.h"
#include "config/toxiproxy_args.h"

int main(int argc, char **argv)
{
	struct settings settings;
	const char *fault = registry_error();

	if (fault) {
		fprintf(stderr, "%s\n", fault);
		return 1;
	}
	if (argc == 2 && !strcmp(argv[1], "demo"))
		return demo_run();
	int (*read)(struct settings *, int, char **) = toxiproxy_args_wanted(argv[0]) ? toxiproxy_args_read : settings_read;
	int code = read(&settings, argc, argv);
	if (code != -1)
		return code;
	plugins_fix();
	settings.argc = argc;
	settings.argv = argv;
	settings.read = read;
	code = daemon_run(&settings);
	settings_free(&settings);
	plugins_free();
	return code;
}
