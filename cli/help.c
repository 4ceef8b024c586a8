/* help.c - help for all actions, for one, and where a behavior's options are shown. */
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* The manual page and the completions are made of this; see packaging/. */
void usage(FILE *to)
{
	fputs("usage: vaurienctl [-h] [--version] [--host URL] [--http-host HOST]\n"
	      "                  [--http-port PORT] [--token TOKEN] [--proxy NAME] [--json]\n"
	      "                  [--no-headings] [--fleet URL] [--fleet-ca FILE]\n"
	      "                  [--fleet-cert FILE] [--fleet-key FILE] [--fleet-user USER]\n"
	      "                  ACTION [ARGUMENT]...\n", to);
}

static void action_line(const struct action *a)
{
	int n = printf("  %s%s%s", a->name, a->arguments ? " " : "",
	               a->arguments ? a->arguments : "");

	printf("%s%*s%s\n", n > 23 ? "\n" : "", n > 23 ? 25 : 25 - n, "", a->help);
}

void help_all(void)
{
	usage(stdout);
	puts("\nAsks a running Vaurien what it does, and changes it.\n\nactions:");
	EACH_ACTION(a)
		action_line(a);
	puts("\noptions:\n"
	     "  -h, --help        show this help and exit; after an action, its own\n"
	     "  --version         show the version and exit\n"
	     "  --host URL        where the API is (http://localhost:8080), or unix:/path\n"
	     "  --http-host HOST  its host alone (localhost), or unix:/path\n"
	     "  --http-port PORT  its port alone (8080)\n"
	     "  --token TOKEN     the text that vaurien was given as --http-token\n"
	     "  --proxy NAME      which of several proxies, or all. Default: the first; lists\n"
	     "                    are of all. It may stand instead of an action's word PROXY\n"
	     "  --json            print the whole answer\n"
	     "  --no-headings     print tables without their first line\n"
	     "  --fleet URL       of a whole fleet: etcd://HOST:PORT[,HOST:PORT]/PREFIX. Its\n"
	     "                    actions: vaurienctl --fleet URL help\n"
	     "  --fleet-ca FILE   certificates that sign etcd's, which is reached by TLS then\n"
	     "  --fleet-cert FILE our certificate for etcd\n"
	     "  --fleet-key FILE  its private key\n"
	     "  --fleet-user USER our login at etcd, NAME:PASSWORD\n\n"
	     "VAURIEN_URL (or TOXIPROXY_URL) and VAURIEN_TOKEN in the environment stand for\n"
	     "--host and --token; VAURIEN_FLEET and VAURIEN_FLEET_USER for --fleet and\n"
	     "--fleet-user. A command of 'vaurien run' has VAURIEN_API, which comes first. If\n"
	     "none is set and nothing listens on port 8080, your one 'vaurien run' is asked.\n"
	     "After the name in set-behavior all --options are those of that behavior, as in\n"
	     "  vaurienctl set-behavior delay --sleep 2s --before=false\n"
	     "and those of a toxic are its attributes and conditions, as in\n"
	     "  vaurienctl toxic add db latency --latency 100ms --client 10.0.0.0/8");
}

static void behavior_where(const char *behavior)
{
	const char *name = behavior + strcspn(behavior, ":") + 1;       /* of "20:delay" */
	char *line = line_make(strchr(behavior, ':') && !strchr(behavior, ',') ? name : behavior);

	if (strchr(behavior, ','))
		puts("`vaurien --list behaviors` shows the options of all behaviors.");
	else
		printf("`vaurien --list %s` shows the options of %s; so does docs/behaviors.md.\n",
		       line, line);
	free(line);
}

void help_action(const struct action *a, const char *behavior)
{
	printf("usage: vaurienctl [OPTION]... %s%s%s\n\n", a->name, a->arguments ? " " : "",
	       a->arguments ? a->arguments : "");
	printf("%s: %s.\n", a->name, a->help);
	if (a->more)
		printf("\n%s", a->more);
	putchar('\n');
	if (behavior)
		behavior_where(behavior);
	else if (a->options == any && strcmp(a->name, "set"))
		puts("`vaurien --list behaviors` shows all behaviors with their options.");
	puts("`vaurienctl --help` shows the options that all actions have.");
}

bool help_group(const char *word)
{
	size_t n = strlen(word);
	bool found = false;

	EACH_ACTION(a) {
		if (strncmp(a->name, word, n) || a->name[n] != ' ')
			continue;
		if (!found)
			printf("usage: vaurienctl [OPTION]... %s ACTION [ARGUMENT]...\n\n"
			       "actions:\n", word);
		found = true;
		action_line(a);
	}
	return found;
}

/* ---- vaurienctl help ---- */

static const struct action *action_named(const char *first, const char *second)
{
	size_t n = strlen(first);

	EACH_ACTION(a)
		if (!strncmp(a->name, first, n)
		 && (second ? a->name[n] == ' ' && !strcmp(a->name + n + 1, second) : !a->name[n]))
			return a;
	return NULL;
}

static int help_unknown(const char *word, json_t *behaviors)
{
	json_t *names = action_names();

	json_array_extend(names, behaviors);
	const char *near = nearest(word, names);
	fprintf(stderr, "vaurienctl: help: expected an action or a behavior, got '%s'", word);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	putc('\n', stderr);
	json_decref(names);
	return MISUSED;
}

/* A word that is no action may be a behavior of the server's, one from a plugin included. */
static int help_behavior(struct call *c, const char *word)
{
	json_t *behaviors = names_get(c, "/behaviors", "behaviors"), *name;
	bool known = false;
	size_t i;
	int rc = 0;

	json_array_foreach(behaviors, i, name)
		known |= json_is_string(name) && !strcmp(json_string_value(name), word);
	if (known) {
		printf("%s is a behavior, for set-behavior, and a type, for toxic add.\n", word);
		behavior_where(word);
	} else if (behaviors) {
		rc = help_unknown(word, behaviors);
	} else {
		fprintf(stderr, "vaurienctl: help: '%s' is not an action. If it is a behavior, "
		        "`vaurien --list %s` shows its options.\n", word, word);
		rc = FAILED;
	}
	json_decref(behaviors);
	return rc;
}

static int help(struct call *c)
{
	const struct action *a =
		c->n ? action_named(c->words[0], c->n > 1 ? c->words[1] : NULL) : NULL;

	if (!c->n)
		help_all();
	else if (a)
		help_action(a, NULL);
	else if (c->n > 1)
		return help_unknown(c->words[1], NULL);
	else if (!help_group(c->words[0]))
		return help_behavior(c, c->words[0]);
	return 0;
}

const struct action help_actions[] = {
	{ "help", "[ACTION|BEHAVIOR]", "show help for it", 0, 2, NULL, help },
	{ NULL },
};
