/* probes.h - asks the application, on schedule, and judges each answer.
 *
 * Samples do not wait for each other: the next one begins while earlier ones hang, at most
 * SAMPLES_MOST of a probe. Each is a new connection, or a process group of its own. */
#ifndef AUDIT_PROBES_H
#define AUDIT_PROBES_H

#include "audit/poller.h"
#include "audit/probe_words.h"
#include "audit/record.h"

enum { SAMPLES_MOST = 16 };

struct probe {
	struct probers *all;
	const struct probe_words *words;
	unsigned index;                 /* in the record */
	double every, timeout;
	struct poll_timer timer;        /* of the next sample */
	unsigned under_way;
	struct sample_slot *slots;      /* all that it ever had, busy or not */
	/* Of samples that began after probes_watch(): */
	double from;
	double ok[3];                   /* when the latest good ones began, the latest first */
	double bad;                     /* when the latest bad one began; < 0: none */
	unsigned ended, wrong;          /* how many; how many were not ok */
	enum outcome last;              /* of the sample that ended last */
	bool answered;                  /* one has ended */
	char answer[48];                /* its answer */
	bool unaskable;                 /* no such host or command; `answer` says what */
};

struct probers {
	struct poller *poller;
	struct record *record;
	struct probe *at;
	size_t n;
	unsigned under_way;             /* samples of all probes */
	bool recording;                 /* else samples are not kept: before the baseline */
	char **environment;             /* of commands */
	uint64_t samples;               /* so far */
};

/* The record has them already, in the order of `words`. */
void probes_init(struct probers *, struct poller *, struct record *, const struct probe_words *,
                 size_t n, double every, double timeout);
void probes_free(struct probers *);

void probes_start(struct probers *);    /* on schedule from now on, spread over the interval */
void probes_stop(struct probers *);     /* no new samples; those under way are dropped */
bool probe_ask(struct probe *);         /* one sample, now; false: it is `skipped` */

void probes_watch(struct probers *, double from);       /* forget earlier samples */

/* Three good samples in a row that began since, the last ones. */
bool probe_steady(const struct probe *);
bool probes_steady(const struct probers *);

/* None that began since then was bad. */
bool probes_good(const struct probers *, double since);

/* "front error 500": the first that is not well. Returns the buffer. */
const char *probes_ill(const struct probers *, char *buffer, size_t size);

#endif
