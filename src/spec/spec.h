/* spec.h - what should be so, as words: one proxy with its rules.
 *
 * The same words come from flags, from an INI file and from HTTP. A spec is immutable once it is
 * published, counted, and shared by all threads; a change is a new spec. */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include <stdatomic.h>

#include "net/address.h"
#include "spec/option.h"
#include "spec/rule.h"
#include "vaurien.h"

enum { RULES_MAX = 64 };                /* per proxy: a set of rules is one word */

struct spec {                           /* a proxy */
	_Atomic unsigned refs;
	char *name;
	bool enabled;                   /* else it does not listen, and has no connections */
	struct address listen, backend;
	char *asked;                    /* `listen` as it was asked for, where a free port was; else NULL */
	struct defaults *defaults;      /* of its behaviors */
	const struct vn_protocol *protocol;
	struct opt_values protocol_values;
	vn_nsec timeout;                   /* connecting to the backend; 0: the kernel's own */
	vn_nsec idle;                      /* closing idle connections; 0: never */
	vn_nsec linger;                    /* a gone client's held requests; 0: never forgotten */
	size_t hold_max;                /* held bytes per connection and direction */
	int64_t max_clients;            /* 0: no limit */
	int64_t backlog;
	char *behavior;                 /* the group as GET /behavior names it: "dummy", "delay", "80:delay,20:error" */
	unsigned n_rules;
	struct rule_spec *rules;        /* n_rules of them */
};

struct spec *spec_ref(struct spec *);
void spec_unref(struct spec *);

struct spec *spec_make(const char *name);        /* one reference, dummy, everything else zero: for who fills it in */

/* A copy with room for `more` rules; it has those of `from` that are in no group, or all. For who changes it before anyone
 * else sees it. */
struct spec *spec_copy(const struct spec *from, unsigned more, bool with_group);

/* A copy of `spec` whose group `behavior` is what `text` says: a name, or "80:delay,20:error". `options` is a
 * request's whole body, or NULL. Options stand in it directly, or in an object "options"; where they differ by
 * behavior, in an object of the behavior's name. What else GET /behavior shows is passed over. NULL: `error` has
 * one sentence and *culprit, valid until the next call, names the option at fault ("name" for the behavior
 * itself). The new rules get fresh ids and tallies: they count from nothing. `since` is set here. */
struct spec *spec_with_behavior(const struct defaults *, const struct spec *, const char *text, const json_t *options,
                                const char *culprit[1], char error[ERROR_MAX]);

/* A copy with one rule more, as rule_read understands it; its name must be free. NULL: `error` has one sentence. */
struct spec *spec_with_rule(const struct defaults *, const struct spec *, const char *words, char error[ERROR_MAX]);

/* A copy in which the rule of this name has these options (its behavior's, and fields; it keeps the others). It is the
 * same rule still, in what it has met and counted on connections that are open; what it holds is let go. NULL: there is
 * none of that name, or it is the group's (*culprit is "rule"), or `error` and *culprit say which option is wrong, and nothing is changed. */
struct spec *spec_with_rule_changed(const struct spec *, const char *name, const json_t *options, const char *culprit[1], char error[ERROR_MAX]);

/* A copy without the rules whose time is over by `now`. NULL: none is. *next: when the next one's is; VN_NEVER. */
struct spec *spec_without_expired(const struct spec *, vn_nsec now, vn_nsec *next);

struct spec *spec_with_backend(const struct spec *, const char *backend, char error[ERROR_MAX]);
struct spec *spec_with_enabled(const struct spec *, bool);
struct spec *spec_with_address(const struct spec *, const struct address *listen);
struct spec *spec_like(const struct spec *, const char *name);          /* the same by another name, and without rules */
struct spec *spec_with_protocol(const struct spec *, const struct spec *other);      /* the other's protocol */

/* With a rule more, which it takes over, or NULL: its name is not free, or there are too many, and the rule is still the caller's. */
struct spec *spec_add_rule(const struct spec *, struct rule_spec *, char error[ERROR_MAX]);
struct spec *spec_without_rule(const struct spec *, const char *name);  /* NULL: there is none */
struct spec *spec_without_rules(const struct spec *);
struct spec *spec_without_others(const struct spec *, const char *name);       /* with those of that name only */
struct rule_spec *spec_rule(const struct spec *, const char *name);     /* NULL: there is none */

/* Are all rules good for the protocol? Of those that were made for another. */
bool spec_check_rules(struct spec *, const char *culprit[1], char error[ERROR_MAX]);

/* The free port that was found, in place of the 0 that asked for one. Before anyone else sees the spec. */
void spec_with_bound_port(struct spec *, const struct endpoint *bound);

/* {"behavior": NAME, "options": {...}, "seen": N, "hits": N, "unreachable": N} as GET /behavior answers; dummy has
 * its name only. */
json_t *spec_behavior_json(const struct spec *);

bool spec_needs_messages(const struct spec *);   /* the group's behaviors refuse, or match: they need to understand a connection */
json_t *spec_rules_json(const struct spec *);   /* all of them, as GET /rules answers: an array of rule_json's */

#endif
