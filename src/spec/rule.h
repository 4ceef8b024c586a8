/* rule.h - a behavior with its options, set on a proxy: whom it means, how often, how long. */
#ifndef SPEC_RULE_H
#define SPEC_RULE_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "net/address.h"
#include "spec/option.h"
#include "vaurien.h"

struct defaults {                       /* options as command line and file have them */
	_Atomic unsigned refs;
	size_t n;
	struct { const struct vn_behavior *behavior; struct opt_values values; } of[];
};

struct defaults *defaults_make(void);           /* one reference; as the tables have them */
struct defaults *defaults_copy(const struct defaults *);
struct defaults *defaults_ref(struct defaults *);      /* NULL is good for both */
void defaults_unref(struct defaults *);

const struct opt_values *defaults_of(const struct defaults *, const struct vn_behavior *);      /* NULL: nothing but the table's own */

struct rule_counters {                          /* what a rule has met: the one thing that several workers write */
	_Atomic unsigned refs;
	_Atomic uint64_t seen;          /* exchanges (or connections) that it looked at */
	_Atomic uint64_t count;         /* of those, what it would strike, before skip, every and times */
	_Atomic uint64_t hits;          /* struck */
	_Atomic uint64_t unreachable;   /* could not be struck: no words, or a raw connection */
	_Atomic vn_nsec line_free[2];      /* a shared pace, of requests and of responses: when the line is free again */
};

struct network { int family; uint8_t address[16]; unsigned bits; };    /* family 0: everyone */

struct rule_fields {                    /* the same for every behavior; rule_options is their table */
	const char *direction;          /* own request response both */
	double probability;             /* 0 .. 1 */
	const char *per;                /* own exchange connection */
	const char *share;              /* connection proxy */
	const char *match;              /* a regular expression on "VERB subject"; NULL: all */
	const char *client;             /* an address, or a network such as 10.0.0.0/8; NULL: all */
	int64_t skip, times, every;     /* times 0: no bound */
	vn_nsec ttl;                       /* 0: until it is changed */
};

extern const struct vn_opt rule_options[];

struct rule_spec {
	char *name;                     /* dice hang on it. "behavior" in the group of PUT /behavior */
	const struct vn_behavior *behavior;
	struct opt_values values;             /* its options */
	struct opt_values fields;            /* a struct rule_fields */
	double low, high;               /* in when the draw of its name's dice, [0, 1), falls in [low, high) */
	bool per_connection;            /* decided once per connection, else once per exchange */
	bool shared;                    /* its pace is one for all connections */
	enum vn_direction direction;       /* in which it is asked */
	struct network client;
	uint64_t skip, times, every;    /* of those it would strike: after `skip`, each `every`-th, `times` of them */
	uint64_t id;                    /* unique in the program, and new when options change: all that it holds hangs on it */
	uint64_t origin;                /* the id that it had at first: what it has met and counted hangs on this */
	vn_nsec since, until;              /* when it was set, and goes by itself (VN_NEVER), by the monotonic clock */
	struct rule_counters *counters;
	char *note;                     /* what a dialect of the API wants to remember of its words; NULL */
};

/* A new rule: fresh id and tally, options as the command line and the file have them, fields at their defaults. */
void rule_init(struct rule_spec *, const char *name, const struct vn_behavior *, const struct defaults *);
void rule_copy(struct rule_spec *to, const struct rule_spec *from);     /* the same rule: same id, same tally */
void rule_renew(struct rule_spec *);    /* its options will change: another id; origin and tally stay */
void rule_free(struct rule_spec *);

/* One option of the behavior's or one field. False: `error` has one sentence, *culprit names the thing. */
bool rule_set(struct rule_spec *, const char *key, const json_t *value, const char *culprit[1], char error[ERROR_MAX]);

/* When all is set: what follows from it, and whether it can act at all on this protocol. */
bool rule_finish(struct rule_spec *, const struct vn_protocol *, const char *culprit[1], char error[ERROR_MAX]);

/* "error failure=deadlock match='^QUERY UPDATE' name=mine": a behavior, then options, fields and a name; settled. */
bool rule_read(struct rule_spec *, const char *words, const struct vn_protocol *, const struct defaults *, char error[ERROR_MAX]);

/* Does the protocol have the failures that a behavior's options name? */
bool rule_check_failures(const struct vn_protocol *, const struct opt_values *, const char *culprit[1], char error[ERROR_MAX]);

bool rule_same(const struct rule_spec *, const struct rule_spec *);       /* in all but what they have met */
bool rule_needs_messages(const struct rule_spec *);      /* it refuses in words, or matches them */
bool rule_plain(const struct rule_spec *);      /* no odds, match, client or counters */
bool rule_applies_to(const struct rule_spec *, const struct endpoint *client);

json_t *rule_json(const struct rule_spec *);            /* with name, behavior, options, and what it met */
json_t *rule_options_json(const struct rule_spec *);    /* the behavior's options, and the fields that are not at their defaults */

#endif
