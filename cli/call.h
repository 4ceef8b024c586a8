/* call.h - the command line, and what its actions are made of: requests, answers, tables. */
#ifndef CALL_H
#define CALL_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"

enum { FAILED = 1, MISUSED = 2 };       /* exit codes */

enum { WORDS = 64 };                    /* that an action takes at most */

struct top;

/* Whom an action is about: without --proxy, with it, with --proxy all. */
enum whom {
	NOBODY,                         /* of none, or always of all: it takes no --proxy */
	ONE,                            /* the first, that one, each in turn */
	MANY,                           /* all, that one, all */
};

struct call {
	const char *host;               /* a URL, or unix:/path */
	const char *http_host, *http_port, *token;
	const char *proxy;              /* which proxy is meant; NULL: the first, or all */
	bool all;                       /* `all` was said, and proxy is NULL */
	bool resolved;                  /* what `all` means has been decided */
	double until;                   /* of `wait` for each: the same end; 0: not begun */
	long patience;                  /* seconds for an answer; 0: 60 */
	unsigned runs;                  /* `vaurien run` that are active, if that was asked */
	bool json, quiet;               /* quiet: a request without an answer is no error */
	const struct action *action;
	const char *words[WORDS]; unsigned n;   /* its arguments */
	json_t *options;                /* --NAME VALUE, as texts; true without a value */
	CURL *curl;
	struct top *top;                /* of `vaurienctl top`; else NULL */
};

struct reply {
	long status;
	json_t *body;
	char *text; size_t n, room;
	size_t headers;                 /* bytes of them so far */
	const char *broken;             /* why it was not read to its end */
};

struct action {
	const char *name;               /* one word, or two */
	const char *arguments;          /* what it takes; NULL: nothing */
	const char *help;
	unsigned least, most;           /* so many words */
	const char *const *options;     /* that it knows; `any`: whatever stands after its words */
	int (*run)(struct call *);
	const char *more;               /* what only its own help says; NULL: nothing */
	bool pairs;                     /* options may stand after the `least` words */
	const char *const *early;       /* options that may stand anywhere; NULL: none */
	enum whom whom;
	bool shared;                    /* `vaurien run` does it for all if no proxy is named */
};

extern const char *const any[];

/* These end with a row without name. */
extern const struct action behavior_actions[], rule_actions[], proxy_actions[], set_actions[],
	file_actions[], toxic_actions[], watch_actions[], state_actions[], top_actions[],
	help_actions[], ca_actions[];

/* ---- vaurienctl.c ---- */

const struct action *const *action_tables(void);        /* up to NULL */

json_t *action_names(void);                     /* of all tables */

#define EACH_ACTION(a) \
	for (const struct action *const *table_ = action_tables(); *table_; table_++) \
		for (const struct action *a = *table_; a->name; a++)

bool takes_proxy(const struct action *);        /* its first word is PROXY */

/* ---- find.c ---- */

/* Sets c->host where nothing says where the API is. */
void host_find(struct call *);

/* ---- help.c ---- */

void usage(FILE *to);
void help_all(void);
void help_action(const struct action *, const char *behavior);  /* NULL: of none in particular */
bool help_group(const char *word);              /* of all actions that begin with it: "toxic" */

/* ---- url.c ---- */

const char *call_host(const struct call *);
const char *unix_path(const struct call *);     /* NULL: it is not a socket file */

/* Where `path` is; to be freed by curl_free. NULL: host and port make no URL. */
char *call_url(const struct call *, const char *path);

/* "/proxies", then each of the words, up to NULL, as a segment of its own. To be freed. */
char *path_make(const char *path, ...) __attribute__((sentinel));

/* ---- http.c ---- */

/* The body's reference passes over; NULL: none. False: nobody answered, which it has printed. */
bool call_send(struct call *, const char *method, const char *path, json_t *body, struct reply *);

/* GET; the answer's body, an object. NULL: refused, or no answer, which it has printed. */
json_t *call_get(struct call *, const char *path);

/* Prints the sentence when it is done; with --json the answer. The exit code. */
int call_do(struct call *, const char *method, const char *path, json_t *body, const char *said,
            ...) __attribute__((format(printf, 5, 6)));

/* GET, and `take` is given the answer in lines, as they come. False: no answer, or it broke off. */
bool call_stream(struct call *, const char *path, void (*take)(void *whom, char *line), void *whom,
                 struct reply *);

/* ---- reply.c ---- */

void memory_bound(void);                        /* of all JSON, from now on */
size_t reply_take(char *bytes, size_t size, size_t n, void *reply);     /* libcurl's callbacks */
size_t reply_header(char *bytes, size_t size, size_t n, void *reply);
void reply_parse(struct reply *);
void reply_free(struct reply *);

/* NULL: it does not say, or not as Vaurien does. *name: of what in the request. */
const char *reply_error(const struct reply *, const char **name);

/* The array at `key`, all objects. NULL: the answer is not one of Vaurien's. */
json_t *reply_rows(const json_t *body, const char *key);

/* ---- screen.c ---- */

/* From now on no control character of anyone's reaches the terminal by stdout and stderr. */
void screen_open(void);
bool screen_close(void);                        /* false: not all could be written */
bool on_terminal(void);
int screen_columns(void);                       /* of the terminal; 0: not known, or none */

/* How what follows looks, on a terminal, unless NO_COLOR is in the environment. */
enum style { PLAIN, HEADING, GOOD, BAD, WARM };
void screen_style(enum style);

/* A server's text: if it has a control character there are no more colours, so that every escape
 * that reaches the terminal is known to be ours. */
void screen_distrust(const char *json, size_t n);
bool screen_harmful(unsigned long character);   /* a control, or it turns the order of others */
void json_show(const json_t *);
void done_show(json_t *);                       /* the same; takes the reference */
void json_line_show(const char *line);          /* JSON as it came, its controls escaped */

/* ---- show.c ---- */

struct column { const char *key, *title; };

extern bool headings;                           /* --no-headings: false */

/* Rows are objects. On a terminal a table, or `none` without rows; else lines with tabs. */
void table_show(const struct column *, const json_t *rows, const char *none);

/* The same, off a terminal without headings. */
void table_bare(const struct column *, const json_t *rows, const char *none);
char *value_show(const json_t *);               /* in one line; to be freed */
char *line_make(const char *text);              /* the same of a text */
json_t *pairs_make(const json_t *object);       /* "latency=100 jitter=20", without what is null */
char *options_show(const json_t *options);      /* "--sleep 2 --before=true"; to be freed */
const char *text_of(const json_t *object, const char *key);     /* "-": none */
json_t *value_parse(const json_t *text);        /* 2, 0.5, true and false; the rest is text */

/* ---- suggest.c ---- */

/* The one of `names`, an array of texts, that `word` may have meant. NULL: none is near. */
const char *nearest(const char *word, const json_t *names);
json_t *choices_of(const char *sentence);       /* "... expected one of a, b"; NULL: none */
char *names_join(const json_t *names, const char *last);        /* "a, b"; `last`: "a, b or c" */

/* ---- errors.c ---- */

int fail(const char *why);                      /* FAILED; prints it on stderr */
int fail_reply(struct call *, const struct reply *);    /* the same, with the server's sentence */
int fail_foreign(struct call *, long status);   /* whoever answers is not Vaurien */
int fail_names(struct call *, const char *sentence);    /* with the behaviors that there are */
json_t *names_get(struct call *, const char *path, const char *key);    /* NULL: not to be had */
char *protocol_get(struct call *);              /* of the proxy that is meant; NULL, to be freed */

/* ---- toxics.c ---- */

void toxics_show(json_t *toxics);
json_t *toxics_exported(const json_t *toxics);  /* what makes them again */

/* ---- each.c ---- */

json_t *proxies_order(struct call *);           /* their names; NULL: not to be had */
bool names_have(const json_t *names, const char *name);
bool joint(struct call *);                      /* the action is for all of a `vaurien run` */

/* The proxies that a list is of, if none is named; NULL: of one. */
json_t *several(struct call *);

/* ` on proxy "db"`, where there are several; else "". To be freed. */
char *whose_make(struct call *);

/* Of which proxy a value is that was printed, where there are several. On stderr. */
void first_note(struct call *);

/* /NAME/what of each: {what: rows}, each row with its "proxy". NULL as call_get(). */
json_t *get_of_each(struct call *, const json_t *names, const char *what);

/* False: the action is not done for each, so the caller prints it. */
bool each_answered(const json_t *answer);
bool each_valued(const char *key, const char *value);
bool each_refused(const char *sentence);
bool each_under_way(void);

bool names_all(const struct call *);
int run_for_all(struct call *);                 /* if names_all(). The exit code */

/* ---- behavior.c ---- */

void warning_show(const json_t *body);          /* what the server warns of, on stderr */
int rules_list(struct call *);
bool rule_refuses(const json_t *rule);          /* all clients; it is switched on */

/* ---- state.c ---- */

double clock_now(clockid_t);                    /* in seconds */
bool seconds_read(const char *text, double *seconds);   /* "5s", "250ms", "2"; false: not above 0 */

/* "TLS with clients failed 3 times", of a proxy in GET /info; behind "; " if text is before it.
 * Nothing if none has failed. */
void failures_tell(FILE *out, const json_t *proxy);

/* ---- rules.c ---- */

/* What stands behind `rule add`: {"behavior": NAME, OPTION: VALUE ...}. NULL: *rc is the exit code,
 * and the sentence is printed. */
json_t *rule_typed(struct call *, int *rc);

/* ---- proxies.c ---- */

/* An object of proxies by name, as an array in the order of GET /info, which begins with the first
 * one; or of names, where it is not to be had. NULL: it is none. */
json_t *proxies_sorted(struct call *, json_t *proxies);

#endif
