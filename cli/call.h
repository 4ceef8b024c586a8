/* call.h - the command line, understood; and what its actions are made of: requests, answers, tables. */
#ifndef CALL_H
#define CALL_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { FAILED = 1, MISUSED = 2 };       /* exit codes */

enum { WORDS = 2 };                     /* that an action takes at most */

struct call {
	const char *host;               /* a URL, or unix:/path */
	const char *http_host, *http_port, *token;
	const char *proxy;              /* whose behavior, backend and rules; NULL: the first proxy's */
	bool json;
	const struct action *action;
	const char *words[WORDS]; unsigned n;   /* its arguments */
	json_t *options;                /* --NAME VALUE behind them, as texts; true where there is no value */
	CURL *curl;
};

struct reply { long status; json_t *body; char *text; size_t n; };

struct action {
	const char *name;               /* one word, or two */
	const char *arguments;          /* what it takes; NULL: nothing */
	const char *help;
	unsigned least, most;           /* so many words */
	const char *const *options;     /* that it knows; `any`: whatever stands behind its words */
	int (*run)(struct call *);
};

extern const char *const any[];

extern const struct action behavior_actions[], proxy_actions[], toxic_actions[], watch_actions[];      /* end with a row without name */

/* ---- http.c ---- */

/* "/proxies", then each of the words, up to NULL, as a segment of its own. To be freed. */
char *path_make(const char *path, ...) __attribute__((sentinel));

/* The body's reference passes over; NULL: none. False: nobody answered; said so. */
bool call_send(struct call *, const char *method, const char *path, json_t *body, struct reply *);

/* GET; the answer's body. NULL: it was refused, or nobody answered; said so. */
json_t *call_get(struct call *, const char *path);

/* Done, the sentence is printed; with --json what was answered. The exit code. */
int call_do(struct call *, const char *method, const char *path, json_t *body, const char *said, ...) __attribute__((format(printf, 5, 6)));

/* GET, and `take` is given the answer in lines, as they come. False: nobody answered, or it broke off; said so. */
bool call_stream(struct call *, const char *path, void (*take)(void *whom, char *line), void *whom, struct reply *);

void reply_free(struct reply *);

/* ---- show.c ---- */

bool on_terminal(void);

struct column { const char *key, *title; };

/* Rows are objects. On a terminal a table, or `none` where there is no row; else a line a row, with tabs. */
void table_show(const struct column *, const json_t *rows, const char *none);
void json_show(const json_t *);
char *value_show(const json_t *);       /* in one line; to be freed */
json_t *pairs_make(const json_t *object);        /* "latency=100 jitter=20", without what is null */

/* ---- toxics.c ---- */

void toxics_show(json_t *toxics);
json_t *toxics_exported(const json_t *toxics, const char *proxy);       /* what would make them again; says what cannot be */

/* ---- show.c: what went wrong ---- */

int fail(const char *why);              /* FAILED; says so on stderr */
int fail_reply(const struct reply *);   /* the same, with what the server says is wrong */
const char *reply_error(const struct reply *, const char **name);       /* NULL: it does not say; *name: with what */

json_t *value_parse(const json_t *text);        /* 2 and 0.5 are numbers, true and false are themselves, the rest is text */

#endif
