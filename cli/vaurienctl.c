/* vaurienctl.c - asks a running vaurien, by HTTP, what it does, or tells it to do something else. */
#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "vaurien.h"

const char *const any[] = { NULL };

static const struct action *const actions[] = { behavior_actions, proxy_actions, toxic_actions, watch_actions };

#define EACH_ACTION(a) for (size_t table_ = 0; table_ < sizeof actions / sizeof *actions; table_++) for (const struct action *a = actions[table_]; a->name; a++)

/* ---- the command line ---- */

enum { OPT_HOST = 256, OPT_HTTP_HOST, OPT_HTTP_PORT, OPT_TOKEN, OPT_PROXY, OPT_JSON, OPT_VERSION };

static const struct option flags[] = {
	{ "help",      no_argument,       NULL, 'h' },
	{ "version",   no_argument,       NULL, OPT_VERSION },
	{ "host",      required_argument, NULL, OPT_HOST },
	{ "http-host", required_argument, NULL, OPT_HTTP_HOST },
	{ "http-port", required_argument, NULL, OPT_HTTP_PORT },
	{ "token",     required_argument, NULL, OPT_TOKEN },
	{ "proxy",     required_argument, NULL, OPT_PROXY },
	{ "json",      no_argument,       NULL, OPT_JSON },
	{ NULL },
};

static void usage(FILE *to)
{
	fputs("usage: vaurienctl [-h] [--version] [--host URL] [--http-host HOST] [--http-port PORT]\n"
	      "                  [--token TOKEN] [--proxy NAME] [--json] ACTION [ARGUMENT]...\n", to);
}

static void help(void)
{
	usage(stdout);
	puts("\nAsks a running Vaurien what it does, and changes it.\n\nactions:");
	EACH_ACTION(a) {
		int n = printf("  %s%s%s", a->name, a->arguments ? " " : "", a->arguments ? a->arguments : "");
		printf("%s%*s%s\n", n > 23 ? "\n" : "", n > 23 ? 25 : 25 - n, "", a->help);
	}
	puts("\noptions:\n"
	     "  -h, --help        show this help and exit\n"
	     "  --version         show the version and exit\n"
	     "  --host URL        where the API is (http://localhost:8080), or unix:/path\n"
	     "  --http-host HOST  its host alone (localhost), or unix:/path\n"
	     "  --http-port PORT  its port alone (8080)\n"
	     "  --token TOKEN     what vaurien was given as --http-token\n"
	     "  --proxy NAME      whose behavior, backend, rules and events are meant, of several\n"
	     "  --json            print the whole answer\n\n"
	     "VAURIEN_URL (or TOXIPROXY_URL) and VAURIEN_TOKEN in the environment stand for --host and --token.\n"
	     "After set-behavior's name all other --options are the behavior's own, as in\n"
	     "  vaurienctl set-behavior delay --sleep 2 --before=false\n"
	     "and those of a toxic are its attributes, and the fields that rules have, as in\n"
	     "  vaurienctl toxic add db latency --latency 100 --jitter 20 --client 10.0.0.0/8");
}

static int misuse(const char *why, const char *what)
{
	usage(stderr);
	fprintf(stderr, "vaurienctl: error: %s%s\n", why, what);
	return MISUSED;
}

/* Behind the words of an action that takes any; of those that know theirs, anywhere. */
static bool call_takes(const struct call *c, const char *name)
{
	if (!c->action || !c->action->options)
		return false;
	if (c->action->options == any)
		return c->n == c->action->most;
	for (const char *const *o = c->action->options; *o; o++)
		if (!strncmp(name, *o, strcspn(name, "=")) && !(*o)[strcspn(name, "=")])
			return true;
	return false;
}

/* "--inject", "--sleep=2", or "--sleep" and the `next` word. Takes 1 or 2 words; 0: it is not text. */
static int option_take(json_t *options, const char *word, const char *next)
{
	const char *equals = strchr(word, '=');
	const char *text = equals ? equals + 1 : next && strncmp(next, "--", 2) != 0 ? next : NULL;
	char *name = strndup(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));

	assert(name);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	int rc = json_object_set_new(options, name, text ? json_string(text) : json_true());
	free(name);
	return rc < 0 ? 0 : text && !equals ? 2 : 1;
}

/* The action of that name; of "toxic" the one that `second` completes. */
static const struct action *action_find(const char *first, const char *second)
{
	size_t n = strlen(first);

	EACH_ACTION(a) {
		if (!strcmp(a->name, first))
			return a;
		if (second && !strncmp(a->name, first, n) && a->name[n] == ' ' && !strcmp(a->name + n + 1, second))
			return a;
	}
	return NULL;
}

static bool action_begins(const char *word)
{
	size_t n = strlen(word);

	EACH_ACTION(a)
		if (!strncmp(a->name, word, n) && a->name[n] == ' ')
			return true;
	return false;
}

/* `c->words[0]` keeps the first word of two until the second has come. */
static int action_take(struct call *c, const char *word)
{
	const char *first = c->words[0] ? c->words[0] : word;

	c->action = action_find(first, c->words[0] ? word : NULL);
	if (!c->action && !c->words[0] && action_begins(word)) {
		c->words[0] = word;
		return 0;
	}
	c->words[0] = NULL;
	return c->action ? 0 : misuse("unknown action: ", word);
}

static int word_take(struct call *c, const char *word)
{
	if (!c->action)
		return action_take(c, word);
	if (c->n == c->action->most)
		return misuse("unrecognized argument: ", word);
	json_t *text = json_string(word);
	json_decref(text);
	if (!text)
		return misuse("expected UTF-8: ", word);
	c->words[c->n++] = word;
	return 0;
}

/* getopt_long hands over all words in order, but does not know the behaviors' options: taken here. */
static int unknown_take(struct call *c, int argc, char **argv)
{
	const char *word = argv[optind - 1];
	char letter[] = { '-', (char)optopt, 0 };

	if (optopt > 0 && optopt < 256)
		return misuse("unrecognized option: ", letter);
	if (optopt || !call_takes(c, word + 2))
		return misuse("unrecognized option: ", word);
	int taken = option_take(c->options, word, optind < argc ? argv[optind] : NULL);
	if (!taken)
		return misuse("expected UTF-8: ", word);
	optind += taken - 1;
	return 0;
}

static int call_check(const struct call *c)
{
	char *why;

	if (!c->action)
		return misuse(c->words[0] ? "expected more behind " : "expected an action", c->words[0] ? c->words[0] : "");
	if (c->n >= c->action->least)
		return 0;
	int n = asprintf(&why, "%s: expected %s", c->action->name, c->action->arguments);
	assert(n > 0);
	int rc = misuse(why, "");
	free(why);
	return rc;
}

/* -1: go on; else exit with that. */
static int call_read(struct call *c, int argc, char **argv)
{
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, "-:h", flags, NULL)) != -1) {
		switch (option) {
		case 1:             rc = word_take(c, optarg); break;
		case 'h':           help(); return 0;
		case OPT_VERSION:   puts(VAURIEN_VERSION); return 0;
		case OPT_HOST:      c->host = optarg; break;
		case OPT_HTTP_HOST: c->http_host = optarg; break;
		case OPT_HTTP_PORT: c->http_port = optarg; break;
		case OPT_TOKEN:     c->token = optarg; break;
		case OPT_PROXY:     c->proxy = optarg; break;
		case OPT_JSON:      c->json = true; break;
		case ':':           return misuse("expected a value behind ", argv[optind - 1]);
		default:            rc = unknown_take(c, argc, argv);
		}
	}
	for (; rc == 0 && optind < argc; optind++)      /* behind "--" */
		rc = word_take(c, argv[optind]);
	if (rc == 0)
		rc = call_check(c);
	return rc ? rc : -1;
}

/* What the environment says, where the command line will say nothing else. */
static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

int main(int argc, char **argv)
{
	struct call c = { .options = json_object() };

	c.host = environment("VAURIEN_URL", environment("TOXIPROXY_URL", "http://localhost:8080"));
	c.token = environment("VAURIEN_TOKEN", NULL);
	int rc = call_read(&c, argc, argv);
	if (rc < 0) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		c.curl = curl_easy_init();
		assert(c.curl);
		rc = c.action->run(&c);
		curl_easy_cleanup(c.curl);
		curl_global_cleanup();
	}
	json_decref(c.options);
	return rc;
}
