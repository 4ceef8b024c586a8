/* toxiproxy_args.c - the command line of toxiproxy-server, for a program started by that name.
 *
 * It is translated to a command line of Vaurien: flags in Go's style, Toxiproxy's defaults, a JSON
 * log on the standard output, and no proxies but those of the file. */
#include "config/toxiproxy_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/error.h"
#include "config/settings_read.h"
#include "config/toxiproxy_file.h"

static const char program[] = "toxiproxy-server";
static const char everywhere[] = "0.0.0.0";     /* what an empty host is in Go */

static struct values {
	const char *host, *port, *config, *seed;
	bool proxy_metrics, runtime_metrics, version;
} values;

enum kind { TEXT, NUMBER, BOOLEAN, PORT };

/* In the order of the usage text. */
static const struct row { const char *name; enum kind kind; void *to; const char *help; } rows[] = {
	{ "config",          TEXT,    &values.config,
		"JSON file containing proxies to create on startup" },
	{ "host",            TEXT,    &values.host,
		"Host for toxiproxy's API to listen on (default \"localhost\")" },
	{ "port",            PORT,    &values.port,
		"Port for toxiproxy's API to listen on (default \"8474\")" },
	{ "proxy-metrics",   BOOLEAN, &values.proxy_metrics,
		"accepted: /metrics is there without it" },
	{ "runtime-metrics", BOOLEAN, &values.runtime_metrics,
		"accepted: /metrics is there without it" },
	{ "seed",            NUMBER,  &values.seed,            "Seed for randomizing toxics with" },
	{ "version",         BOOLEAN, &values.version,         "print the version" },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* "toxiproxy-server-linux-amd64" is the name of a released file, "toxiproxy" that of the
 * image's. */
bool toxiproxy_args_wanted(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strlen(program);

	if (!strcmp(name, "toxiproxy") || !strcmp(name, "toxiproxy.exe"))
		return true;
	return !strncmp(name, program, n) &&
	       (!name[n] || name[n] == '-' || !strcmp(name + n, ".exe"));
}

/* ---- flags, as Go has them: -x VALUE, -x=VALUE, --x; another word ends them ---- */

static int usage(int code)
{
	static const char *const words[] = { " string", " int", "", " string" };

	fprintf(stderr, "Usage of %s:\n", program);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(stderr, "  -%s%s\n    \t%s\n", rows[i].name, words[rows[i].kind],
		        rows[i].help);
	return code;
}

static const struct row *row_find(const char *name, size_t n)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n))
			return &rows[i];
	return NULL;
}

static bool boolean_read(bool *to, const char *text)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };

	for (size_t i = 0; yes[i]; i++)
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*to = !strcmp(text, yes[i]);
			return true;
		}
	return false;
}

static bool number_good(const char *text)
{
	char *end;

	errno = 0;
	strtoll(text, &end, 0);
	return *text && !isspace((unsigned char)*text) && !*end && !errno;
}

static bool port_good(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) &&
	       strtoul(text, NULL, 10) <= 65535;
}

static int flag_take(const struct row *row, const char *value)
{
	if (row->kind == BOOLEAN && !boolean_read(row->to, value)) {
		fprintf(stderr, "invalid boolean value \"%s\" for -%s: parse error\n", value,
		        row->name);
		return usage(2);
	}
	if (row->kind == NUMBER && !number_good(value)) {
		fprintf(stderr, "invalid value \"%s\" for flag -%s: parse error\n", value,
		        row->name);
		return usage(2);
	}
	if (row->kind == PORT && !port_good(value)) {
		fprintf(stderr,
		        "invalid value \"%s\" for flag -%s: expected a number from 0 to 65535\n",
		        value, row->name);
		return usage(2);
	}
	if (row->kind != BOOLEAN)
		*(const char **)row->to = value;
	return -1;
}

static int flags_take(int argc, char **argv)
{
	int code = -1;

	for (int i = 1; i < argc && code == -1 && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *name = argv[i] + 1 + (argv[i][1] == '-'), *equals = strchr(name, '=');
		const struct row *row = row_find(name,
		                                 equals ? (size_t)(equals - name) : strlen(name));
		if (!*name)
			break;                  /* -- */
		if (!row && (!strcmp(name, "h") || !strcmp(name, "help")))
			return usage(0);
		if (!row) {
			fprintf(stderr, "flag provided but not defined: -%s\n", name);
			return usage(2);
		}
		if (!equals && row->kind != BOOLEAN && i + 1 == argc) {
			fprintf(stderr, "flag needs an argument: -%s\n", name);
			return usage(2);
		}
		code = flag_take(row, equals ? equals + 1 :
		                      row->kind == BOOLEAN ? "true" : argv[++i]);
	}
	return code;
}

/* ---- LOG_LEVEL ---- */

static const char *level(bool *known)
{
	static const struct { const char *theirs, *ours; } all[] = {
		{ "panic", "critical" }, { "fatal", "critical" }, { "error", "error" },
		{ "warn", "warning" }, { "info", "info" }, { "debug", "debug" },
		{ "trace", "debug" },
	};
	const char *text = getenv("LOG_LEVEL");

	*known = true;
	for (size_t i = 0; text && i < sizeof all / sizeof all[0]; i++)
		if (!strcmp(text, all[i].theirs))
			return all[i].ours;
	*known = !text || !*text;
	return "debug";
}

/* ---- all of it ---- */

/* At the start an error in the file is logged, and the program goes on, as Toxiproxy does. */
static int file_take(struct settings *s, const char *file)
{
	char sentence[1024] = "";

	if (error_captured())
		return toxiproxy_file_read(s, file);
	error_capture(sentence, sizeof sentence);
	if (toxiproxy_file_read(s, file) != -1)
		log_error("%s", sentence);
	error_capture(NULL, 0);
	return -1;
}

int toxiproxy_args_read(struct settings *s, int argc, char **argv)
{
	char seed[32];
	bool known;
	const char *log_level = level(&known);

	values = (struct values){ .host = "localhost", .port = "8474" };
	int code = flags_take(argc, argv);
	if (code != -1)
		return code;
	if (values.version) {
		puts("toxiproxy-server version 2.12.0");
		return 0;
	}
	const char *ours[] = {
		argv[0], "--http", "--http-host", *values.host ? values.host : everywhere,
		"--http-port", values.port, "--log-format", "json",
		"--log-output", "/dev/stdout", "--log-level", log_level,
		"--seed", seed, NULL
	};
	int n = sizeof ours / sizeof ours[0] - 1;
	if (values.seed)
		snprintf(seed, sizeof seed, "%llu",
		         (unsigned long long)strtoll(values.seed, NULL, 0));
	code = settings_read_bare(s, values.seed ? n : n - 2, (char **)ours);
	if (code != -1)
		return code;
	s->dialect = "toxiproxy";
	s->lenient = true;
	if (!known)
		log_warning("LOG_LEVEL: expected panic, fatal, error, warn, info, debug or trace, "
		            "got '%.64s'", getenv("LOG_LEVEL"));
	code = values.config ? file_take(s, values.config) : -1;
	if (code != -1)
		settings_free(s);
	return code;
}
