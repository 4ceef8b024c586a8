/* vaurienctl.c - the command line of the client: asks a running vaurien by HTTP, and changes it. */
#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fleet.h"
#include "vaurien.h"

const char *const any[] = { NULL };

const struct action *const *action_tables(void)
{
	static const struct action *const tables[] = {
		behavior_actions, rule_actions, proxy_actions, set_actions, state_actions,
		top_actions, watch_actions, file_actions, toxic_actions, ca_actions,
		help_actions, NULL,
	};
	static const struct action *const fleet[] = { fleet_actions, help_actions, NULL };
	return fleet_flags.url ? fleet : tables;
}

/* ---- the command line ---- */

enum {
	OPT_HOST = 256, OPT_HTTP_HOST, OPT_HTTP_PORT, OPT_TOKEN, OPT_PROXY, OPT_JSON, OPT_HEADINGS,
	OPT_VERSION, OPT_FLEET, OPT_FLEET_CA, OPT_FLEET_CERT, OPT_FLEET_KEY, OPT_FLEET_USER,
};

static const struct option flags[] = {
	{ "help",      no_argument,       NULL, 'h' },
	{ "version",   no_argument,       NULL, OPT_VERSION },
	{ "host",      required_argument, NULL, OPT_HOST },
	{ "http-host", required_argument, NULL, OPT_HTTP_HOST },
	{ "http-port", required_argument, NULL, OPT_HTTP_PORT },
	{ "token",     required_argument, NULL, OPT_TOKEN },
	{ "proxy",     required_argument, NULL, OPT_PROXY },
	{ "json",      no_argument,       NULL, OPT_JSON },
	{ "no-headings", no_argument,     NULL, OPT_HEADINGS },
	{ "fleet",      required_argument, NULL, OPT_FLEET },
	{ "fleet-ca",   required_argument, NULL, OPT_FLEET_CA },
	{ "fleet-cert", required_argument, NULL, OPT_FLEET_CERT },
	{ "fleet-key",  required_argument, NULL, OPT_FLEET_KEY },
	{ "fleet-user", required_argument, NULL, OPT_FLEET_USER },
	{ NULL },
};

static int misuse(const char *why, const char *what)
{
	usage(stderr);
	fprintf(stderr, "vaurienctl: error: %s%s\n", why, what);
	return MISUSED;
}

static int misuse_letter(const struct action *a, char letter)
{
	char what[80];

	snprintf(what, sizeof what, "-%c; see 'vaurienctl %s%s'", letter, a ? "help " : "--help",
	         a ? a->name : "");
	return misuse("unrecognized option: ", what);
}

/* The same, with the one of `names` that was meant. Their reference passes over. */
static int misuse_name(const char *why, const char *what, json_t *names)
{
	const char *near = nearest(what + strspn(what, "-"), names);

	usage(stderr);
	fprintf(stderr, "vaurienctl: error: %s%s%s%s%s%s\n", why, what,
	        near ? "; did you mean '" : "; see 'vaurienctl --help",
	        near && *what == '-' ? "--" : "", near ? near : "", near ? "'?" : "'");
	json_decref(names);
	return MISUSED;
}

/* A word too many: "sleep=2" of set-behavior is an option that lacks its dashes. */
static int misuse_word(const struct action *a, const char *word)
{
	bool option = a->options == any && strchr(word, '=') && *word != '=';

	usage(stderr);
	fprintf(stderr, "vaurienctl: error: unrecognized argument: %s; ", word);
	if (option)
		fprintf(stderr, "did you mean '--%s'?\n", word);
	else
		fprintf(stderr, "%s takes %s\n", a->name,
		        a->arguments ? a->arguments : "no argument");
	return MISUSED;
}

bool takes_proxy(const struct action *a)
{
	return a->arguments && !strncmp(a->arguments + (*a->arguments == '['), "PROXY", 5);
}

/* "client-tls*" of a list is each name that begins so. */
static bool named(const char *const *options, const char *name)
{
	size_t n = strcspn(name, "=");

	for (; options && *options; options++) {
		size_t begins = strcspn(*options, "*");
		if ((*options)[begins] ? !strncmp(name, *options, begins) :
		                         !strncmp(name, *options, n) && !(*options)[n])
			return true;
	}
	return false;
}

/* After the words of an action that takes any; of those that know theirs, anywhere. */
static bool call_takes(const struct call *c, const char *name)
{
	if (!c->action || !c->action->options)
		return false;
	if (named(c->action->early, name))
		return true;
	if (c->action->options == any)
		return c->n + (c->proxy && takes_proxy(c->action))
		       >= (c->action->pairs ? c->action->least : c->action->most);
	return named(c->action->options, name);
}

/* "--inject", "--sleep=2", or "--sleep" and the `next` word. Takes 1 or 2 words; 0: not text. */
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
		if (second && !strncmp(a->name, first, n) && a->name[n] == ' '
		    && !strcmp(a->name + n + 1, second))
			return a;
	}
	return NULL;
}

json_t *action_names(void)
{
	json_t *names = json_array();

	EACH_ACTION(a)
		json_array_append_new(names, json_string(a->name));
	return names;
}

/* The second words of those that begin with `word`. NULL: none do. */
static json_t *action_seconds(const char *word)
{
	json_t *names = json_array();
	size_t n = strlen(word);

	EACH_ACTION(a)
		if (!strncmp(a->name, word, n) && a->name[n] == ' ')
			json_array_append_new(names, json_string(a->name + n + 1));
	if (json_array_size(names))
		return names;
	json_decref(names);
	return NULL;
}

/* "toxic: expected add, update or remove, got 'list'; see 'vaurienctl inspect PROXY'" */
static int misuse_second(const char *first, const char *second)
{
	json_t *names = action_seconds(first);
	const char *near = second ? nearest(second, names) : NULL;
	char *all = names_join(names, " or ");

	usage(stderr);
	fprintf(stderr, "vaurienctl: error: %s: expected %s", first, all);
	if (second)
		fprintf(stderr, ", got '%s'", second);
	if (near)
		fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		fprintf(stderr, "; see 'vaurienctl %s%s'\n",
		        strcmp(first, "toxic") ? "help " : "inspect PROXY",
		        strcmp(first, "toxic") ? first : "");
	free(all);
	json_decref(names);
	return MISUSED;
}

/* `c->words[0]` keeps the first word of two until the second has come. */
static int action_take(struct call *c, const char *word)
{
	const char *first = c->words[0] ? c->words[0] : word;

	c->action = action_find(first, c->words[0] ? word : NULL);
	if (!c->action && c->words[0])
		return misuse_second(first, word);
	json_t *seconds = c->action ? NULL : action_seconds(word);
	c->words[0] = seconds ? word : NULL;
	json_decref(seconds);
	return c->action || seconds ? 0 : misuse_name("unknown action: ", word, action_names());
}

static int word_take(struct call *c, const char *word)
{
	if (!c->action)
		return action_take(c, word);
	if (c->n == c->action->most)
		return misuse_word(c->action, word);
	json_t *text = json_string(word);
	json_decref(text);
	if (!text)
		return misuse("expected UTF-8: ", word);
	c->words[c->n++] = word;
	return 0;
}

static json_t *option_names(const struct call *c)
{
	json_t *names = json_array();

	for (const struct option *flag = flags; flag->name; flag++)
		json_array_append_new(names, json_string(flag->name));
	const char *const *own = c->action && c->action->options ? c->action->options : any;
	for (const char *const *o = own; *o; o++)
		if (!strchr(*o, '*'))
			json_array_append_new(names, json_string(*o));
	return names;
}

/* getopt_long hands over all words in order; it does not know the options of behaviors. */
static int unknown_take(struct call *c, int argc, char **argv)
{
	const char *word = argv[optind - 1];

	if (optopt > 0 && optopt < 256)
		return misuse_letter(c->action, (char)optopt);
	if (optopt || !call_takes(c, word + 2))
		return misuse_name("unrecognized option: ", word, option_names(c));
	int taken = option_take(c->options, word, optind < argc ? argv[optind] : NULL);
	if (!taken)
		return misuse("expected UTF-8: ", word);
	optind += taken - 1;
	return 0;
}

/* Does --proxy stand for a word that is missing? "set a=b" has none, either. */
static bool proxy_missing(const struct call *c)
{
	return c->proxy && c->n < c->action->most &&
	       (c->n <= c->action->least || (c->action->pairs && strchr(c->words[0], '=')));
}

/* Such an action would be done for all, whatever the name. */
static int proxy_refuse(const struct call *c)
{
	char *why = xasprintf("%s: expected no --proxy, since it is not about one proxy; got '%s'",
	                      c->action->name, c->proxy);
	int rc = misuse(why, "");
	free(why);
	return rc;
}

/* --proxy NAME stands for the word PROXY, and the other way round. */
static int proxy_check(struct call *c)
{
	if (c->proxy && c->action->whom == NOBODY && !names_all(c) && !fleet_flags.url)
		return proxy_refuse(c);
	if (!takes_proxy(c->action))
		return 0;
	if (proxy_missing(c)) {
		for (unsigned i = c->n++; i; i--)
			c->words[i] = c->words[i - 1];
		c->words[0] = c->proxy;
	}
	if (c->proxy && strcmp(c->proxy, c->words[0]))
		return misuse("expected one proxy, got another by --proxy: ", c->proxy);
	if (c->n)
		c->proxy = c->words[0];
	return 0;
}

static int token_check(const char *token)
{
	if (!token)
		return 0;
	if (!*token)
		return misuse("--token: expected the text of vaurien's --http-token, got none", "");
	for (const char *p = token; *p; p++)
		if ((unsigned char)*p < 32 || *p == 127)
			return misuse("--token: expected a text without control characters", "");
	return 0;
}

static int call_check(struct call *c)
{
	int rc = token_check(c->token);
	char *why;

	if (rc)
		return rc;
	if (!c->action)
		return c->words[0] ? misuse_second(c->words[0], NULL)
		                   : misuse("expected an action; see 'vaurienctl --help'", "");
	if ((rc = proxy_check(c)))
		return rc;
	if (c->proxy && !*c->proxy)
		return misuse("expected the name of a proxy, got none", "");
	if (c->n >= c->action->least)
		return 0;
	why = xasprintf("%s: expected %s", c->action->name, c->action->arguments);
	rc = misuse(why, "");
	free(why);
	return rc;
}

/* The behavior that the words name so far, which is their last. NULL: none. */
static const char *behavior_typed(const struct call *c)
{
	return c->action->options == any && c->n == c->action->most
	    && strcmp(c->action->name, "toxic update") ? c->words[c->n - 1] : NULL;
}

/* Of the action that was named so far, or of all. */
static void help_show(const struct call *c)
{
	if (c->action)
		help_action(c->action, behavior_typed(c));
	else if (!c->words[0] || !help_group(c->words[0]))
		help_all();
}

/* -1: go on; else exit with that. */
static int call_read(struct call *c, int argc, char **argv)
{
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, "-:h", flags, NULL)) != -1) {
		switch (option) {
		case 1:             rc = word_take(c, optarg); break;
		case 'h':           help_show(c); return 0;
		case OPT_VERSION:   puts(VAURIEN_VERSION); return 0;
		case OPT_HOST:      c->host = optarg; break;
		case OPT_HTTP_HOST: c->http_host = optarg; break;
		case OPT_HTTP_PORT: c->http_port = optarg; break;
		case OPT_TOKEN:     c->token = optarg; break;
		case OPT_PROXY:     c->proxy = optarg; break;
		case OPT_JSON:      c->json = true; break;
		case OPT_HEADINGS:  headings = false; break;
		case OPT_FLEET:     break;      /* fleet_find() has it */
		case OPT_FLEET_CA:   fleet_flags.ca = optarg; break;
		case OPT_FLEET_CERT: fleet_flags.cert = optarg; break;
		case OPT_FLEET_KEY:  fleet_flags.key = optarg; break;
		case OPT_FLEET_USER: fleet_flags.user = optarg; break;
		case ':':           return misuse("expected a value after ", argv[optind - 1]);
		default:            rc = unknown_take(c, argc, argv);
		}
	}
	for (; rc == 0 && optind < argc; optind++)      /* after "--" */
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

/* The actions depend on it, wherever it stands. */
static void fleet_find(int argc, char **argv)
{
	fleet_flags.url = environment("VAURIEN_FLEET", NULL);
	fleet_flags.user = environment("VAURIEN_FLEET_USER", NULL);
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--fleet") && i + 1 < argc)
			fleet_flags.url = argv[i + 1];
		else if (!strncmp(argv[i], "--fleet=", 8))
			fleet_flags.url = argv[i] + 8;
}

int main(int argc, char **argv)
{
	memory_bound();
	screen_open();
	struct call c = { .options = json_object() };

	c.host = environment("VAURIEN_API", environment("VAURIEN_URL",
	                     environment("TOXIPROXY_URL", NULL)));
	c.token = environment("VAURIEN_TOKEN", NULL);
	fleet_find(argc, argv);
	int rc = call_read(&c, argc, argv);
	if (!c.host)
		host_find(&c);
	if (rc < 0) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		c.curl = curl_easy_init();
		assert(c.curl);
		rc = fleet_flags.url ? etcd_open(&c) : 0;
		if (!rc)
			rc = names_all(&c) && c.action->whom != NOBODY ? run_for_all(&c)
			                                               : c.action->run(&c);
		etcd_close();
		curl_easy_cleanup(c.curl);
		curl_global_cleanup();
	}
	json_decref(c.options);
	if (!screen_close() && rc == 0) {
		fputs("vaurienctl: not all of the answer could be written\n", stderr);
		screen_close();
		rc = FAILED;
	}
	return rc;
}
