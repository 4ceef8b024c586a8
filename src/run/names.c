/* names.c - names of destinations: what the command's arguments and environment call an address. */
#include "run/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum { NAMES_MAX = 200, NAME_LONG = 56 };       /* look-ups; bytes of a name of a proxy */

struct name_candidate {
	char *name;
	struct endpoint at; bool known; /* its first address, if there is one */
	struct lookup lookup;
	struct names *names;
};

/* ---- collecting ---- */

static bool name_good(const char *name, size_t n)
{
	bool letter = false;

	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i]))
			return false;
		letter |= isalpha((unsigned char)name[i]);
	}
	return n > 0 && n <= NAME_LONG && letter && name[0] != '.' && name[0] != '-';
}

static struct name_candidate *candidate_add(struct names *all, const char *name, size_t n)
{
	if (!name_good(name, n))
		return NULL;
	for (size_t i = 0; i < all->n; i++)
		if (!strncasecmp(all->of[i].name, name, n) && !all->of[i].name[n])
			return NULL;
	if (all->n == NAMES_MAX)
		return NULL;
	struct name_candidate *c = &all->of[all->n++];
	*c = (struct name_candidate){ .name = xstrndup(name, n), .names = all };
	return c;
}

/* The hosts of all URLs in a text: "postgres://user:word@db,other:5433/app". */
static bool urls_add(struct names *all, const char *text)
{
	bool any = false;

	for (const char *url; (url = strstr(text, "://")); any = true) {
		const char *from = url + 3, *end = from + strcspn(from, "/?# \t\n\"'"), *at;
		while ((at = memchr(from, '@', (size_t)(end - from))))
			from = at + 1;
		while (from < end) {
			size_t n = strcspn(from, ",:/?# \t\n\"'");
			n = n < (size_t)(end - from) ? n : (size_t)(end - from);
			candidate_add(all, from, n);
			from += n;
			from += strcspn(from, ",/?# \t\n\"'") + 1;
		}
		text = end;
	}
	return any;
}

/* "db", "db:3306", "user@db". `hinted`: a bare word is likely to be a host. */
static void word_add(struct names *all, const char *text, bool hinted)
{
	const char *at = strrchr(text, '@');
	const char *host = at ? at + 1 : text;
	size_t n = strcspn(host, ":");
	const char *digits = host[n] == ':' ? host + n + 1 : "";
	bool port = *digits && !digits[strspn(digits, "0123456789")];

	if ((!host[n] || port) && (hinted || port))
		candidate_add(all, host, n);
}

/* Does a variable of this name hold a host? */
static bool variable_hints(const char *name, size_t n)
{
	static const char *const hints[] = {
		"HOST", "SERVER", "ADDR", "URL", "URI", "ENDPOINT", "DSN", "BROKER", "NODE",
	};

	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
		for (size_t at = 0; at + strlen(hints[i]) <= n; at++)
			if (!strncasecmp(name + at, hints[i], strlen(hints[i])))
				return true;
	return false;
}

static bool option_hints(const char *word)
{
	return !strcmp(word, "-h") || !strcmp(word, "-H") ||
	       (*word == '-' && variable_hints(word, strlen(word)));
}

/* Options such as -h, --host, --host=db. */
static void arguments_add(struct names *all, char **words)
{
	for (; *words; words++) {
		const char *value = strchr(*words, '=');
		bool option = **words == '-';
		if (urls_add(all, *words))
			continue;
		if (option && value)
			word_add(all, value + 1, variable_hints(*words, (size_t)(value - *words)));
		else if (!option)
			word_add(all, *words, option_hints(words[-1]));
	}
}

static void environment_add(struct names *all, char **environment)
{
	for (; *environment; environment++) {
		const char *value = strchr(*environment, '=');
		if (value && !urls_add(all, value + 1) &&
		    variable_hints(*environment, (size_t)(value - *environment)))
			word_add(all, value + 1, true);
	}
}

/* ---- addresses ---- */

static const void *address_of(const struct endpoint *e, size_t *n)
{
	bool v6 = e->addr.ss_family == AF_INET6;

	*n = v6 ? 16 : 4;
	if (v6)
		return &((const struct sockaddr_in6 *)&e->addr)->sin6_addr;
	return &((const struct sockaddr_in *)&e->addr)->sin_addr;
}

static int address_order(const struct endpoint *a, const struct endpoint *b)
{
	size_t n, m;
	const void *x = address_of(a, &n), *y = address_of(b, &m);

	return n != m ? (int)n - (int)m : memcmp(x, y, n);
}

/* Of a name with several addresses one only has its name: the lowest, IPv4 first. */
static void candidate_found(struct lookup *l)
{
	struct name_candidate *c = l->whom;

	c->names->looking--;
	for (unsigned i = 0; i < l->n; i++)
		if (!c->known || address_order(&l->found[i], &c->at) < 0) {
			c->at = l->found[i];
			c->known = true;
		}
}

static bool number_read(const char *text, struct endpoint *e)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&e->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e->addr;

	memset(e, 0, sizeof *e);
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		e->len = sizeof *in;
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		e->len = sizeof *in6;
	}
	return e->len;
}

/* The lines of /etc/hosts need no look-up. */
static void hosts_add(struct names *all)
{
	FILE *f = fopen("/etc/hosts", "re");
	char line[1024];

	while (f && fgets(line, sizeof line, f)) {
		char *rest, *word;
		struct endpoint at;
		line[strcspn(line, "#\n")] = '\0';
		word = strtok_r(line, " \t", &rest);
		if (!word || !number_read(word, &at))
			continue;
		while ((word = strtok_r(NULL, " \t", &rest))) {
			struct name_candidate *c = candidate_add(all, word, strlen(word));
			if (c) {
				c->at = at;
				c->known = true;
			}
		}
	}
	if (f)
		fclose(f);
}

void names_start(struct names *all, struct loop *loop, struct resolver *resolver, char **words,
                 char **environment)
{
	size_t asked;

	*all = (struct names){ .of = xcalloc(NAMES_MAX, sizeof *all->of), .loop = loop };
	arguments_add(all, words + 1);
	environment_add(all, environment);
	asked = all->n;
	hosts_add(all);
	all->looking = asked;
	for (size_t i = 0; i < asked; i++) {
		struct name_candidate *c = &all->of[i];
		struct address a = { .text = c->name, .host = c->name, .port = 1 };
		c->lookup = (struct lookup){ .done = candidate_found, .whom = c };
		lookup_start(&c->lookup, resolver, loop, &a);
	}
}

void names_stop(struct names *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->of[i].lookup.job)
			lookup_cancel(&all->of[i].lookup);
	all->looking = 0;
}

void names_free(struct names *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->of[i].name);
	free(all->of);
}

const char *names_find(const struct names *all, const struct endpoint *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->of[i].known && e->addr.ss_family != AF_UNIX &&
		    !address_order(&all->of[i].at, e))
			return all->of[i].name;
	return NULL;
}
