/* run_settings.h - settings of `vaurien run`: the command, and the connections it is about.
 *
 * Owned by the settings. Control thread, and the main thread before it starts; the supervisor reads
 * the patterns, which never change. */
#ifndef CONFIG_RUN_SETTINGS_H
#define CONFIG_RUN_SETTINGS_H

#include <jansson.h>

#include "spec/spec.h"

struct run_fit {                        /* of the behavior, or of a rule, to proxies */
	char *none;                     /* no proxy to come takes it, and why; NULL: one does */
	bool taken;                     /* a named proxy does */
	bool told;                      /* the log has that it does not fit everywhere */
};

struct run_rule {                       /* one --rule */
	char *glob;                     /* of names of proxies; NULL: all of them */
	char *text;
	struct run_fit fit;
	struct run_rule *next;
};

struct run_settings {
	char **command;                 /* its words, and a NULL; borrowed from argv */
	bool discover;                  /* unknown destinations get a proxy ... */
	const struct vn_protocol *protocol;     /* ... those of this protocol; NULL: all */
	char *only, *except;            /* lines of patterns; NULL: none */
	bool no_wait, require, allow_io_uring;
	/* Of all proxies that have none of their own. The API changes it, with its options. */
	char *behavior;
	json_t *behavior_options;       /* NULL: none */
	struct run_fit behavior_fit;
	struct run_rule *rules;
	/* What a proxy of a protocol has from its start: one per template, in their order. The API
	 * changes them. */
	struct spec **future; size_t n_future;
	struct endpoint at;             /* what proxies show as their listener */
	bool http;                      /* --http was given */
};

void run_settings_free(struct run_settings *);  /* NULL is allowed */

/* Gives a spec its gate: it has no listener of its own. */
void run_spec_make_private(const struct run_settings *, struct spec *);

/* Sets the behavior, and the rules, as far as they fit it. `named_only`: the rules for certain
 * names, without a word. */
void run_behavior_apply(struct run_settings *, struct spec **);
void run_rules_apply(struct run_settings *, struct spec **, bool named_only);

/* A proxy of that name is carried like `plain`, which has no rules: the log has what does not fit
 * it, each once. True: something does not. */
bool run_misfits_tell(struct run_settings *, const struct spec *plain, const char *name);

/* Another behavior of all. `options` may be NULL. */
void run_behavior_set(struct run_settings *, const char *behavior, const json_t *options);
void run_behavior_unfit(struct run_settings *, const char *name, const char *why);

/* The exit status of a failure of our own. */
enum { RUN_FAILED = 125 };

#endif
