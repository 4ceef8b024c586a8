/* main.c - the command line to one of: demo, auditor, a page of help, the running program. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/settings_read.h"
#include "config/toxiproxy_args.h"
#include "daemon.h"
#include "demo.h"
#include "plugins/plugin.h"
#include "spec/registry_check.h"

/* `vaurien run`: a bad value is a bad command line. */
static int run_main(int argc, char **argv)
{
	struct settings settings;
	int code = settings_read_run(&settings, argc, argv);

	if (code != -1)
		return code == 1 ? 2 : code;
	plugins_fix();
	code = daemon_run(&settings);
	settings_free(&settings);
	plugins_free();
	return code;
}

static bool auditor_wanted(int argc, char **argv)
{
	return argc > 1 && (!strcmp(argv[1], "audit") || !strcmp(argv[1], "scenario"));
}

/* The auditor is a program of its own, beside this one. Returns if it is not there. */
static int auditor_become(char **argv)
{
	static char name[] = "vaurien-audit";
	char self[PATH_MAX], path[PATH_MAX + sizeof name];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');
	snprintf(path, sizeof path, "%.*s/%s", slash ? (int)(slash - self) : 0, self, name);
	argv[0] = name;
	execv(path, argv);
	fprintf(stderr, "vaurien: cannot start %s: %s\n", path, strerror(errno));
	return 4;
}

int main(int argc, char **argv)
{
	struct settings settings;
	int (*read)(struct settings *, int, char **) = settings_read;
	const char *error = registry_error();

	if (error) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (argc == 2 && !strcmp(argv[1], "demo"))
		return demo_run(argv[0]);
	if (auditor_wanted(argc, argv))
		return auditor_become(argv);
	if (toxiproxy_args_wanted(argv[0]))
		read = toxiproxy_args_read;
	if (argc > 1 && !strcmp(argv[1], "run"))
		return run_main(argc - 1, argv + 1);
	int code = read(&settings, argc, argv);
	if (code != -1)
		return code;
	plugins_fix();
	settings.argc = argc;           /* for SIGHUP, which reads them again */
	settings.argv = argv;
	settings.read = read;
	code = daemon_run(&settings);
	settings_free(&settings);
	plugins_free();
	return code;
}
