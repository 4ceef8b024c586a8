/* rule.h - a rule: a behavior with its options, and which clients and exchanges it strikes.
 *
 * A spec owns its rules. They do not change once the spec is published; only the counters do, which
 * all copies of a rule share and all workers write. */
#ifndef SPEC_RULE_H
#define SPEC_RULE_H

#include <jansson.h>
#include <stdatomic.h>

#include "net/address.h"
#include "net/cidr.h"
#include "spec/option.h"
#include "spec/rule_fields.h"
#include "vaurien.h"

enum { RULES_MAX = 64 };                /* per proxy: a set of rules is a mask of 64 bits */

#define RULE_GROUP "behavior"           /* name of all rules of PUT /behavior, which share a draw */
#define NO_BEHAVIOR "dummy"             /* the behavior that does nothing */

struct defaults;

struct rule_counters {
	_Atomic unsigned refs;          /* copies of the rule */
	_Atomic uint64_t seen;          /* exchanges, or connections, that it was drawn for */
	_Atomic uint64_t count;         /* to strike before skip, every and times apply */
	_Atomic uint64_t hits;          /* struck */
	_Atomic uint64_t unreachable;   /* not struck: no error reply, or a raw connection */
	_Atomic vn_nsec last_hit;       /* monotonic; 0: it has not struck yet */
	_Atomic vn_nsec line_free[2];   /* when shared bandwidth is free: requests, responses */
};

struct rule_spec {
	char *name;                     /* seeds the dice; RULE_GROUP for rules of PUT /behavior */
	const struct vn_behavior *behavior;
	struct opt_values values;       /* the behavior's options */
	struct opt_values fields;       /* a struct rule_fields */
	double low, high;               /* strikes if the draw, [0, 1), is in [low, high) */
	bool per_connection;            /* drawn once per connection, else once per exchange */
	bool toxic;                     /* the former, unless `per` or a match decide otherwise */
	bool off;                       /* it strikes nothing */
	unsigned never;                 /* moments of the behavior that its options exclude */
	bool shared;                    /* all connections of the proxy share its bandwidth */
	enum vn_direction direction, of_datagrams;      /* of streams; of datagrams */
	struct network client;
	unsigned kinds;                 /* VN_IS_... bits of which a request needs one; 0: all */
	bool only_open, only_new;       /* connections that were there at `came`; that came later */
	uint64_t skip, times, every;    /* after `skip`, each `every`-th, at most `times` */
	uint64_t id;                    /* new when options change; keys what the rule delays */
	uint64_t origin;                /* the first id, never changed; keys its counters */
	/* Monotonic: set or changed at; its ttl began at; expires at (VN_NEVER). `came`: when it
	 * was first set, or got another value of `connections`. */
	vn_nsec since, lease, until, came;
	struct rule_counters *counters;
	char *note;                     /* a toxic's stream and toxicity; NULL: not a toxic */
};

/* A new rule with a new id and new counters. Options as in `defaults` (NULL: as in the behavior's
 * table), fields at their defaults. To be freed with rule_free. */
void rule_init(struct rule_spec *, const char *name, const struct vn_behavior *,
               const struct defaults *);
void rule_copy(struct rule_spec *to, const struct rule_spec *from);     /* same id, same counters */
/* The same with an id, an origin and counters of its own: for another proxy. */
void rule_twin(struct rule_spec *to, const struct rule_spec *from);
void rule_renew(struct rule_spec *);    /* a new id and `since`; origin and counters stay */

/* `now` is the same rule as `was`, but for its ttl: make it a copy of `was` with that ttl, which
 * begins anew. It keeps id, counters and all that it holds. */
void rule_prolong(struct rule_spec *now, const struct rule_spec *was);
void rule_free(struct rule_spec *);

/* Set one option of the behavior or one field. False: `error` has a sentence, *culprit the option's
 * name; the rule is unchanged. */
bool rule_set(struct rule_spec *, const char *key, const json_t *value, const char *culprit[1],
              char error[ERROR_MAX]);
bool rule_set_text(struct rule_spec *, const char *key, const char *value, char error[ERROR_MAX]);

/* Make `name`, which may be a user's text, the culprit. It is valid until the next call. Returns
 * false. Control thread only. */
bool rule_blame(const char *culprit[1], const char *name);

/* When it acts: VN_ON_... bits. */
static inline unsigned rule_on(const struct rule_spec *r)
{
	return r->behavior->on & ~r->never;
}

bool rule_in_group(const struct rule_spec *);           /* of PUT /behavior */
bool rule_same(const struct rule_spec *, const struct rule_spec *);     /* ignores ids, counters */
bool rule_same_but_ttl(const struct rule_spec *, const struct rule_spec *);
/* It sends error replies, or has a match or a kind. */
bool rule_needs_messages(const struct rule_spec *);
bool rule_spares_setup(const struct rule_spec *);       /* logins and set-up pass it */
/* No probability, match, kind, client or counts; not only for connections that were there. */
bool rule_plain(const struct rule_spec *);
/* It names a failure that fits VN_IS_OPENING. */
bool rule_refuses_opening(const struct rule_spec *, const struct vn_protocol *);
bool rule_applies_to(const struct rule_spec *, const struct endpoint *client);
bool rule_applies_since(const struct rule_spec *, vn_nsec opened);      /* to that connection */

/* A new reference: all options of the behavior, and the fields that are not at their defaults. */
json_t *rule_options_json(const struct rule_spec *);

#endif
