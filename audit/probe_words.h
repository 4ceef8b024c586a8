/* probe_words.h - a probe as the user wrote it: what is asked, and which answers are good.
 *
 * From --probe "[NAME=]WHAT [word=value ...]" or from the lines of [probe:NAME]. */
#ifndef AUDIT_PROBE_WORDS_H
#define AUDIT_PROBE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/suggest.h"
#include "base/text.h"
#include "spec/option.h"

struct texts { char **at; size_t n; };  /* owned */

void texts_add(struct texts *, const char *text, size_t length);
void texts_free(struct texts *);

/* Calls `take` with each word of "a, b,c". It returns false to end it. */
bool list_each(const char *list, bool (*take)(void *user, const char *word), void *user);

struct probe_values {                   /* the options that have one value */
	const char *url, *command, *method, *body, *status, *expect, *asks;
	int64_t within, timeout, every; /* ns; 0: not given */
	bool insecure;
};

struct probe_words {
	char *name;
	struct opt_values values;       /* a struct probe_values */
	struct texts headers, contains, lacks;
	char *body;                     /* to send; NULL: none */
	size_t body_size;
	bool statuses[600];             /* those that are good */
	bool by_flag;
};

const struct probe_values *probe_values(const struct probe_words *);

void probe_words_init(struct probe_words *, const char *name);
void probe_words_free(struct probe_words *);

/* The value of --probe. False: `error` has one sentence, and there is nothing to free. */
bool probe_words_read(struct probe_words *, const char *text, char error[ERROR_MAX]);

/* One word, or one line of the file. */
bool probe_words_set(struct probe_words *, const char *key, const char *value,
                     char error[ERROR_MAX]);

/* When all words are known. */
bool probe_words_finish(struct probe_words *, char error[ERROR_MAX]);

/* "GET http://localhost:5000/", "sh: ./send-mail.sh"; to be freed. A password in a URL is not
 * shown. */
char *probe_words_what(const struct probe_words *);

#endif
