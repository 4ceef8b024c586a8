/* spec.h - the desired state of one proxy: addresses, protocol, limits and rules.
 *
 * Flags, INI files and the API make specs. A published spec is immutable, counted, and shared by
 * all threads; a change is a new spec. Declared here: spec.c, then spec_edit.c. */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include <stdatomic.h>

#include "net/address.h"
#include "spec/backend_note.h"
#include "spec/defaults.h"
#include "spec/gate.h"
#include "spec/option.h"
#include "spec/rule.h"
#include "spec/tls_fields.h"
#include "spec/topology.h"
#include "spec/tls_options.h"
#include "vaurien.h"

struct spec {
	_Atomic unsigned refs;
	char *name;
	bool enabled;                   /* else it does not listen and has no connections */
	struct address listen, backend;
	struct vn_backend_note *backend_note;   /* of that backend; a reference */
	struct gate *gate;              /* others accept its clients; NULL: it listens itself */
	char *asked;                    /* `listen` with port 0, once it is bound; else NULL */
	struct defaults *defaults;      /* of options of its rules; NULL: the tables' */
	const struct vn_protocol *protocol;
	struct opt_values protocol_values;
	struct opt_values tls;          /* tls_options, from which tls/legs.h makes: */
	struct tls_leg *client_tls, *backend_tls;       /* references; NULL: off */
	struct opt_values topology;     /* struct topology_fields */
	vn_nsec timeout;                /* of connecting to the backend; 0: the kernel's */
	vn_nsec idle;                   /* idle connections are closed after it; 0: never */
	vn_nsec linger;                 /* a held request outlives its client so long; 0: ever */
	size_t hold_max;                /* held bytes per connection and direction */
	int64_t max_clients;            /* 0: no limit */
	int64_t sessions;               /* on udp://: most at a time; 0: one */
	int64_t backlog;
	/* the `client` of rules is the one that a PROXY header names */
	bool client_named;
	char *behavior;                 /* of GET /behavior: "delay", "80:delay,20:error" */
	unsigned n_rules;               /* at most RULES_MAX */
	struct rule_spec *rules;
};

/* ---- spec.c ---- */

struct spec *spec_ref(struct spec *);
void spec_unref(struct spec *);                 /* NULL is ignored */

/* Both return one reference to a spec that nobody else has yet, so the caller may change it. */
struct spec *spec_make(const char *name);       /* enabled, no rules; all else is zero */
struct spec *spec_copy(const struct spec *, unsigned more_rules, bool with_group);

struct rule_spec *spec_rule(const struct spec *, const char *name);     /* NULL: there is none */
bool spec_needs_messages(const struct spec *);  /* a rule of PUT /behavior does */

/* New references. What GET /behavior replies: {"behavior": NAME, "options": {...}, "seen": N,
 * "hits": N, "unreachable": N}, dummy its name only; and what GET /rules replies. */
json_t *spec_behavior_json(const struct spec *);
json_t *spec_rules_json(const struct spec *);

/* ---- spec_edit.c: changed copies; NULL: refused, and `error` has one sentence ---- */

/* With other rules of the group: `text` is a behavior, or "80:delay,20:error". `options` is the
 * body of a request, or NULL. It has options directly or in an object "options"; if they differ by
 * behavior, in an object of the behavior's name. Other keys of GET /behavior are ignored. NULL:
 * *culprit, valid until the next call, names the option ("name": the behavior). The new rules have
 * new ids and counters. */
struct spec *spec_with_behavior(const struct defaults *, const struct spec *, const char *text,
                                const json_t *options, const char *culprit[1],
                                char error[ERROR_MAX]);

/* One rule more, from text (see rule_parse.h). Its name must be free. */
struct spec *spec_with_rule(const struct defaults *, const struct spec *, const char *text,
                            char error[ERROR_MAX]);

/* One rule more, which the copy owns. NULL: its name is taken, or there are too many rules; the
 * caller still owns it. */
struct spec *spec_add_rule(const struct spec *, struct rule_spec *, char error[ERROR_MAX]);

/* The name of a new rule that was given none: its behavior's, "-2", "-3" ... added. To be freed. */
char *spec_unused_rule_name(const struct spec *, const struct vn_behavior *);

/* The rule of this name with these options changed. It has a new id, so what it delays is let go;
 * origin and counters stay. If nothing is changed, or its ttl only, the id stays, too, and the ttl
 * begins anew. NULL: there is no such rule, or it is in the group (*culprit is
 * "rule"); or *culprit names the option. */
struct spec *spec_with_rule_changed(const struct spec *, const char *name, const json_t *options,
                                    const char *culprit[1], char error[ERROR_MAX]);

/* Without the rules that expired by `now`. NULL: there are none. *next: when the next rule expires;
 * VN_NEVER. */
struct spec *spec_without_expired(const struct spec *, vn_nsec now, vn_nsec *next);

/* With the rules of this name, or (NULL) all, enabled or disabled. Their counts stay, and what they
 * hold is let go. NULL: they are so already. */
struct spec *spec_with_rules_enabled(const struct spec *, const char *name, bool enabled);

struct spec *spec_without_rule(const struct spec *, const char *name);  /* NULL: there is none */
struct spec *spec_without_rules(const struct spec *);
struct spec *spec_without_others(const struct spec *, const char *name);

/* Takes over the address. The spec must not be shared yet. */
void spec_backend_set(struct spec *, struct address);
struct spec *spec_with_backend(const struct spec *, const char *backend, char error[ERROR_MAX]);
struct spec *spec_with_enabled(const struct spec *, bool);
struct spec *spec_with_address(const struct spec *, const struct address *listen);
struct spec *spec_with_protocol(const struct spec *, const struct spec *other);
struct spec *spec_like(const struct spec *, const char *name);  /* another name, no rules */
struct spec *spec_twin(const struct spec *, const char *name);  /* ... with rules like these */

/* The TLS of `from`, options and legs. The spec must not be shared yet. */
void spec_tls_set(struct spec *, const struct spec *from);

/* These change the spec itself, before it is published. They finish its rules for its protocol, and
 * put the bound port in place of port 0. */
bool spec_check_rules(struct spec *, const char *culprit[1], char error[ERROR_MAX]);
void spec_with_bound_port(struct spec *, const struct endpoint *bound);

#endif
