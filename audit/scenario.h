/* scenario.h - scenarios: outages as files, with phases, rules, conditions and expectations.
 *
 * Declared here: scenario.c, scenarios.c, scenario_read.c, script.c, scenario_show.c.
 *
 * `struct scenarios` is all that is known: those built in (audit/outages/, one per file) and those
 * of files. `struct script` is one of them, made for certain proxies: rules chosen for each
 * protocol, T and H replaced, `use` resolved. Main thread only. */
#ifndef AUDIT_SCENARIO_H
#define AUDIT_SCENARIO_H

#include <stdio.h>

#include "audit/condition.h"
#include "base/suggest.h"
#include "vaurien.h"

enum { RULE_CHOICES_MAX = 8 };

enum scenario_set { SET_QUICK, SET_DEFAULT, SET_ALL,    /* each has those before it */
                    SET_NAMED };                        /* only who names it gets it */
enum scenario_spread {
	SPREAD_FIT,                     /* an experiment for each proxy that fits */
	SPREAD_ONE,                     /* one experiment, on the proxy that it names */
	SPREAD_ALL,                     /* one experiment, on all proxies at once */
	SPREAD_EACH,                    /* one experiment, on each proxy in turn */
};

struct file_place { const char *file; int line; };      /* line 0: none */

/* A rule with its choices in order: "error failure=idle_timeout | close" is two. */
struct phase_rule {
	size_t n;
	char *choices[RULE_CHOICES_MAX];        /* words of --rule */
	struct file_place place;
};

enum deed_kind { DEED_CLOSE, DEED_RESET, DEED_DISABLE, DEED_ENABLE, DEED_BACKEND, DEED_RUN,
                 DEED_MARK };

extern const char *const deed_names[];  /* "close", "reset" ...; ends with NULL */

struct deed {
	enum deed_kind kind;
	char *text;                     /* of backend: HOST:PORT; run: the command; mark; else "" */
};

struct phase_expect { struct assertion assertion; char *text; struct file_place place; };

struct phase {
	char *name;
	struct file_place place;
	size_t n_rules; struct phase_rule *rules;
	bool timed; struct span lasts;          /* `for` */
	struct condition *until, *when;         /* NULL: none */
	char *until_text, *when_text;
	struct file_place until_place, when_place;
	bool has_within; struct span within;
	bool has_after, has_at; struct span after, at;
	bool meanwhile;
	char *use; unsigned repeat;             /* NULL; at least 1 */
	struct file_place use_place;
	char *proxy;                            /* NULL: the scenario's */
	struct file_place proxy_place;
	size_t n_deeds; struct deed *deeds;
	size_t n_expects; struct phase_expect *expects;
};

struct scenario {
	char *name;
	struct file_place place;
	bool built_in;
	int depth;                      /* 0: in the file itself; 1: in one that it extends */
	char *question;                 /* "" if the file has none */
	char *summary;                  /* "{proxy} shuts down"; "" if the file has none */
	char *group;                    /* heading of --list: "restarted, gone" */
	enum scenario_set set;
	char *protocols;                /* "mysql postgres", "not tcp"; NULL: those that it fits */
	char *needs;                    /* a kind that the baseline must have seen; NULL: none */
	enum scenario_spread spread;
	char *proxy;                    /* of SPREAD_ONE */
	struct file_place proxy_place;
	unsigned repeat;                /* at least 1 */
	bool reconnects;                /* cure = reconnect */
	bool has_recover_within; struct span recover_within;
	size_t n_phases; struct phase *phases;
};

struct scenarios {                      /* built in, then of files, in the order of reading */
	size_t n;
	struct scenario **at;
};

/* All that are built in, in the order of the specification: mildest first. */
struct scenarios *scenarios_make(void);
void scenarios_free(struct scenarios *);

/* Add those of a file. A scenario of a file is found before one of the same name that is built in.
 * Other sections of a configuration ([vaurien], [proxy:NAME], [audit], [probe:NAME] ...) are
 * passed over. -1: done, and *n is how many. 1: not, and the error is reported as config/error.h
 * does. */
int scenarios_read(struct scenarios *, const char *file, size_t *n);

const struct scenario *scenario_find(const struct scenarios *, const char *name);      /* NULL */
/* "; did you mean 'hang'?" or "". */
const char *scenario_suggest(const struct scenarios *, const char *name, char buffer[SUGGEST_MAX]);

/* ---- a script: a scenario for certain proxies ---- */

struct scenario_proxy {
	const char *name;
	const struct vn_protocol *protocol;
	bool injected;                  /* faults may go into it, see --only */
	bool vanishes;                  /* the kernel lets it; else that choice is passed */
	bool tls;                       /* it has client_tls, which rules that break TLS need */
};

struct scenario_world {
	size_t n_proxies; const struct scenario_proxy *proxies;
	size_t n_probes; const char *const *probes;     /* NULL: names of probes are not checked */
	struct span_times times;
	const char *client;             /* --only-client: added to each rule; NULL: none */
};

struct script_rule { const struct scenario_proxy *proxy; char *words; };

struct script_phase {
	const struct phase *phase;              /* its words, conditions, expectations */
	char *name;                             /* "twice.2.refuses": unique in the script */
	size_t n_proxies; const struct scenario_proxy **proxies;
	size_t n_rules; struct script_rule *rules;
	size_t n_tracks; struct script_track *tracks;   /* of `use`, one after the other */
	bool faulty;                            /* it, or a phase of its tracks, changes a proxy */
};

struct script_track {                   /* phases, once; `at` counts from its beginning */
	size_t n;
	struct script_phase *phases;
};

/* Its scenario and world must outlive it. */
struct script {
	const struct scenario *scenario;
	const struct scenario_world *world;
	size_t n_proxies; const struct scenario_proxy **proxies;       /* that it strikes */
	size_t n_tracks; struct script_track *tracks;   /* one after the other: repeat, each */
	double lasts;                           /* estimate, seconds: no waits for conditions */
};

/* Does it fit this protocol? By its `protocols`, and each rule has a choice that the protocol has.
 * False: `why` has one sentence. */
bool scenario_fits(const struct scenarios *, const struct scenario *, const struct scenario_proxy *,
                   char why[ERROR_MAX]);

/* `one`: the proxy of an experiment of SPREAD_FIT, else ignored. NULL: something does not fit, and
 * `error` has one sentence with file and line. */
struct script *scenario_script_make(const struct scenarios *, const struct scenario *,
                                    const struct scenario_world *,
                                    const struct scenario_proxy *one, char error[ERROR_MAX]);
void scenario_script_free(struct script *);

/* The summary with the proxy's name, else the question. Returns the buffer. */
const char *scenario_summary(const struct scenario *, const char *proxy, char *buffer, size_t size);

/* ---- for --list and --show ---- */

void scenarios_list(const struct scenarios *, FILE *);

/* Print it as a file to start from, with what this protocol has. False: `error`. */
bool scenario_show(const struct scenarios *, const struct scenario *, const struct vn_protocol *,
                   FILE *, char error[ERROR_MAX]);

#endif
