/* help_short.c - the first page of --help: what people use, and where the rest is. */
#include "config/help_short.h"

#include "config/error.h"

/* A row is a heading, an option of the table of flags, or a line as it stands. */
static const struct row {
	const char *heading, *flag, *text;
} rows[] = {
	{ "Proxy" },
	{ .flag = "proxy", .text = "where clients connect (default localhost:8000)" },
	{ .flag = "backend", .text = "the server behind the proxy (default localhost:80)" },
	{ .flag = "protocol", .text = "what they speak: mysql, redis ... (default tcp)" },
	{ .flag = "add", .text = "a proxy more: NAME=LISTEN=BACKEND,PROTOCOL" },
	{ .flag = "timeout", .text = "for connecting; if given, for idle connections, too" },
	{ .flag = "threads", .text = "threads that carry connections (default 1)" },
	{ "Faults" },
	{ .flag = "behavior", .text = "a fault, or percents of requests: 20:delay,10:error" },
	{ .flag = "rule", .text = "a fault for some of them: 'delay sleep=2s match=\"^GET\"'" },
	{ .flag = "seed", .text = "the same seed draws the same requests again" },
	{ .flag = "require-hit", .text = "exit code 3 if one of these never struck" },
	{ "Control" },
	{ .flag = "http", .text = "open the control API; vaurienctl uses it" },
	{ .flag = "http-host", .text = "where it listens (default localhost)" },
	{ .flag = "http-port", .text = "its port (default 8080)" },
	{ .flag = "http-token", .text = "clients of the API must send this text" },
	{ "Log" },
	{ .flag = "log-level", .text = "error, warning, info (default) or debug" },
	{ .flag = "log-output", .text = "a file to append to (default: standard error)" },
	{ .flag = "events", .text = "append connections and faults to a file, as JSON" },
	{ "General" },
	{ .flag = "config", .text = "an INI file with these options" },
	{ .flag = "plugin", .text = "a behavior or a protocol of your own: .so or .lua" },
	{ .flag = "list", .text = "all behaviors, protocols, failures; or one by its name" },
	{ "Commands" },
	{ .text = "vaurien run -- COMMAND    start a command, and break its connections" },
	{ .text = "vaurien audit             which faults does an application survive?" },
	{ .text = "vaurien scenario          a story of faults, from a file" },
	{ .text = "vaurien demo              see some faults, on a small backend of its own" },
	{ .text = "vaurienctl                change a vaurien that runs" },
	{ "More help" },
	{ .text = "vaurien --help all        every option; --help run, fleet, statsd: some" },
	{ .text = "vaurien --help delay      a behavior, protocol (mysql), failure (deadlock)" },
	{ .text = "vaurien --help rules      which requests, how often, for how long" },
	{ .text = "vaurien --help behaviors  the kinds of faults; protocols, failures likewise" },
};

static void option_print(FILE *f, const struct flags *flags, const struct row *row)
{
	const struct flag *flag = flag_get(flags, row->flag);
	int n = fprintf(f, "  --%s%s%s", flag->name, flag->value ? " " : "",
	                flag->value ? flag->value : "");

	fprintf(f, "%*s%s\n", n < 23 ? 23 - n : 1, "", row->text);
}

void help_short_print(FILE *f, const struct flags *flags)
{
	usage_print(f);
	fputs("\nA proxy that stands between clients and a server, and breaks what you choose.\n\n",
	      f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].heading)
			fprintf(f, "%s:\n", rows[i].heading);
		else if (rows[i].flag)
			option_print(f, flags, &rows[i]);
		else
			fprintf(f, "  %s\n", rows[i].text);
}
