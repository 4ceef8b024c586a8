/* spec.h - what should be so, as words: one proxy with its rules.
 *
 * The same words come from flags, from an INI file and from HTTP. A spec is immutable once it is
 * published, counted, and shared by all threads; a change is a new spec. */
#ifndef SPEC_H
#define SPEC_H

#include <stdatomic.h>

#include "address.h"
#include "option.h"
#include "vaurien.h"

struct settings;

enum { RULES_MAX = 64 };                /* per proxy: a set of rules is one word */

struct tally {                          /* what a rule has met: the one thing that several workers write */
	_Atomic unsigned refs;
	_Atomic uint64_t seen;          /* exchanges (or connections) that it looked at */
	_Atomic uint64_t count;         /* of those, what it would strike, before skip, every and times */
	_Atomic uint64_t hits;          /* struck */
	_Atomic uint64_t unreachable;   /* could not be struck: no words, or a raw connection */
};

struct rule_spec {                      /* a behavior with its options, set on a proxy */
	char *name;                     /* of the rule; dice hang on it. "behavior" in the group of PUT /behavior */
	const struct behavior *behavior;
	struct block block;             /* its options, with skip and times among them */
	double low, high;               /* in when the draw of its name's dice, [0, 1), falls in [low, high) */
	bool per_connection;            /* decided once per connection, else once per exchange */
	uint64_t every;                 /* of those it would strike, each every-th; 1 */
	uint64_t id;                    /* unique in the program; a changed rule is another rule */
	nsec since;                     /* when it was set, by the monotonic clock */
	struct tally *tally;
};

struct spec {                           /* a proxy */
	_Atomic unsigned refs;
	char *name;
	struct address listen, backend;
	const struct protocol *protocol;
	struct block protocol_block;
	nsec timeout;                   /* connecting to the backend; 0: the kernel's own */
	nsec idle;                      /* closing idle connections; 0: never */
	nsec linger;                    /* a gone client's held requests; 0: never forgotten */
	size_t hold_max;                /* held bytes per connection and direction */
	int64_t max_clients;            /* 0: no limit */
	int64_t backlog;
	char *behavior;                 /* the group as GET /behavior names it: "dummy", "delay", "80:delay,20:error" */
	unsigned n_rules;
	struct rule_spec *rules;        /* n_rules of them */
};

struct spec *spec_hold(struct spec *);
void spec_drop(struct spec *);

struct spec *spec_make(const char *name);        /* one reference, dummy, everything else zero: for who fills it in */

/* "80:delay,20:error", or one name, taken apart. A name that stands twice has the sum of both. */
struct weights {
	bool listed;                    /* percents were given; else it was a bare name */
	char unknown[64];               /* when reading fails: the name that no behavior has, if that was why */
	unsigned n;
	struct weight { const struct behavior *behavior; int percent; } of[RULES_MAX];  /* without dummy */
};

bool weights_read(struct weights *, const char *text, char error[SENTENCE]);

/* A copy of `spec` whose group `behavior` is what `text` says: a name, or "80:delay,20:error". `options` is a
 * request's whole body, or NULL. Options stand in it directly, or in an object "options"; where they differ by
 * behavior, in an object of the behavior's name. What else GET /behavior shows is passed over. NULL: `error` has
 * one sentence and *culprit, valid until the next call, names the option at fault ("name" for the behavior
 * itself). The new rules get fresh ids and tallies: they count from nothing. `since` is set here. */
struct spec *spec_with_behavior(const struct settings *, const struct spec *, const char *text, const json_t *options,
                                const char *culprit[1], char error[SENTENCE]);

/* Does the protocol have the failures that the block names? False: `error` says, *culprit is the option. */
bool spec_check_failures(const struct protocol *, const struct block *, const char *culprit[1], char error[SENTENCE]);

struct spec *spec_with_backend(const struct spec *, const char *backend, char error[SENTENCE]);

/* {"behavior": NAME, "options": {...}, "seen": N, "hits": N, "unreachable": N} as GET /behavior answers; dummy has
 * its name only. */
json_t *spec_behavior_json(const struct spec *);

#endif
