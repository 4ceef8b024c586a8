/* top.h - what `vaurienctl top` knows of a running vaurien, and shows in a terminal.
 *
 * One struct top for the program, owned by top.c. top_data.c fills it once a second, top_draw.c
 * shows it and changes nothing but where the lists are scrolled to. */
#ifndef TOP_H
#define TOP_H

#include "call.h"

enum { BUCKETS = 32 };                  /* of a histogram, at most */

struct sample {                         /* the counters of a proxy at one moment */
	double clients, exchanges, in, out, held, hits;
	unsigned n;                     /* buckets, ascending; `count`: exchanges up to `le` */
	struct { double le, count; } bucket[BUCKETS];
};

struct rates {                          /* what two samples make; times in seconds, -1: none */
	double clients, exchanges, hits, in, out, held, p50, p99;
};

struct row {                            /* a proxy */
	char *name, *protocol, *listen, *backend, *behavior;
	bool listening, refusing;
	bool sampled;                   /* `before` is a sample, too */
	struct sample before, now;
	struct rates rate;
	json_t *rules;                  /* an array; NULL: not known yet */
	char *failures;                 /* of its TLS, in words; "": none */
	char *faults;                   /* its rules in words, and the failures; "": none */
};

enum pane { PROXIES, DETAILS };         /* the upper list, the lower one */
enum details { RULES, CONNECTIONS };

struct list { size_t at, top; };        /* the row that is chosen; the first one that is shown */

struct top {
	struct call *call;
	double interval, sampled;       /* seconds; when the last sample was taken */
	struct row *rows; size_t n;     /* all proxies, in the order of the API */
	size_t *shown, n_shown;         /* those that the filter lets through, sorted */
	struct list proxies, details;
	char *chosen;                   /* the name of the proxy at proxies.at; NULL: none */
	enum pane pane;
	enum details what;
	unsigned sort; bool reverse;    /* a column of top_columns */
	char filter[80];
	json_t *connections;            /* of the chosen proxy; an array or NULL */
	char *message;                  /* of the last action, or why there is no answer */
	bool paused, bad, lost;         /* bad: the message is an error; lost: no answer */
	char *version;
};

struct top_column {
	const char *title;
	int width;                      /* 0: the rest of the line */
	bool right;
	/* The order of two rows; the text of one, to be freed. */
	int (*compare)(const struct row *, const struct row *);
	char *(*show)(const struct row *);
};

extern const struct top_column top_columns[];
extern const unsigned top_n_columns;

/* ---- top_data.c ---- */

bool top_fetch(struct top *);           /* false: no answer, which t->message says */
void top_arrange(struct top *);         /* filters and sorts again; the chosen proxy stays */
void top_choose(struct top *, size_t at);       /* the at-th of those shown, or the last one */
void top_free(struct top *);
struct row *top_chosen(const struct top *);     /* NULL: there is none */
size_t top_details(const struct top *); /* rows of the lower list */
const json_t *top_detail(const struct top *);   /* the chosen one of them; NULL: there is none */

char *top_words(const json_t *rule);    /* in words, without its name; to be freed */

/* All that the function prints becomes the message. Its result is handed on. */
int top_capture(struct top *, int (*run)(struct call *), struct call *);

/* ---- top_draw.c ---- */

void top_draw(struct top *);
/* False: it was given up. */
bool top_prompt(struct top *, const char *label, char *text, size_t size);
bool top_confirm(struct top *, const char *question);
void top_help(void);                    /* until a key is pressed */

#endif
