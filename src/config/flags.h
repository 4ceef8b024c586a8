/* flags.h - the table of flags, which command line and INI file set.
 *
 * The command line overrides the file, and a file overrides the files that it extends. */
#ifndef CONFIG_FLAGS_H
#define CONFIG_FLAGS_H

#include <stddef.h>

#include "base/suggest.h"
#include "spec/option.h"

enum flag_group {                       /* the headings of --help, in its order */
	GROUP_PROXY, GROUP_RUN, GROUP_BEHAVIOR, GROUP_HTTP, GROUP_LOGS, GROUP_STATSD,
	GROUP_FLEET, GROUP_TLS, GROUP_GENERAL,
	GROUP_PROTOCOLS, GROUP_BEHAVIORS, GROUP_OLDER, GROUPS
};

struct flag {
	char *name;                     /* without "--" */
	enum flag_group group;          /* GROUP_GENERAL: not in files */
	const char *guest, *guest_help; /* of a flag of a behavior or a protocol; else NULL */
	const char *value;              /* what --help calls its value */
	const char *alone;              /* its value if none is given; NULL: it needs one */
	const struct vn_opt *opt;
	struct opt_values *values;      /* where its value is stored */
	int level;                      /* who set it: 0 nobody, 1 the command line, 2 the file,
	                                 * 3 ... the files that it extends */
	bool on;                        /* set, and not to false or 0 */
	bool own;                       /* a proxy may override it */
	bool many;                      /* may be repeated: its values are lines of one text */
};

struct flags {                          /* zero it first; flags_free frees all */
	struct flag *at;
	size_t n;
	struct file_rule *rules;        /* [rule:NAME], in the file's order */
	struct proxy_config *proxies;   /* --add and [proxy:NAME] */
	struct unknown_section *unknown_sections;
	struct warning *warnings;       /* kept until the log is open */
	bool ends;                      /* the first word that is no option ends the options ... */
	char **rest;                    /* ... and begins these words, as in argv */
};

struct file_rule {                      /* one [rule:NAME] */
	char *name, *behavior;          /* behavior NULL: missing */
	char *proxy;                    /* its proxy; NULL: the first one */
	char *text;                     /* key="value" ... */
	int depth;                      /* of the file read last; what nearer files set stays: */
	bool nearer_behavior;
	size_t nearer_text;             /* the first bytes of `text` */
	struct file_rule *next;
};

struct proxy_config {                   /* what one proxy overrides */
	char *name;
	bool added;                     /* by --add */
	struct override {
		struct override *next;
		struct flag *flag;
		int level;
		char *value;
	} *overrides, **last;
	struct proxy_config *next;
};

struct unknown_section {                /* a section of a guest that does not exist */
	char *name;
	bool callable;                  /* it was for a Python class: a warning, not an error */
	struct unknown_section *next;
};

struct flag *flags_add(struct flags *, enum flag_group, const char *prefix, const struct vn_opt *,
                       struct opt_values *);
void flags_add_guest(struct flags *, enum flag_group, const char *kind, const char *guest,
                     const char *help, const struct vn_opt *options, struct opt_values *);
void flags_free(struct flags *);

/* The flag of a file's section and key ("" for [vaurien]); NULL: unknown. */
struct flag *flag_find(const struct flags *, const char *section, const char *key);
bool flags_section_known(const struct flags *, const char *section);    /* "": [vaurien] */
const char *flags_key_suggest(const struct flags *, const char *section, const char *key,
                              char buffer[SUGGEST_MAX]);
const struct flag *flag_get(const struct flags *, const char *name);    /* must exist */

/* Set the flag, unless a lower level did. False: `error` has a sentence. */
bool flag_set(struct flag *, const char *text, int level, char error[ERROR_MAX]);

/* Report a bad value of the flag, as usage_error or value_error; returns the exit code. */
int flag_error(const struct flag *, const char *expected, const char *got);

/* The same with what suggest_show() wrote after it. */
int flag_error_suggest(const struct flag *, const char *expected, const char *got,
                       const char *meant);

struct proxy_config *flags_proxy(struct flags *, const char *name);     /* created if it is new */
struct flag *flags_own(struct flags *, const char *key);        /* NULL: no proxy may override it */
const char *flags_own_suggest(const struct flags *, const char *key, char buffer[SUGGEST_MAX]);
bool proxy_config_set(struct proxy_config *, struct flag *, int level, const char *value,
                      char error[ERROR_MAX]);   /* the value is checked; false as above */

/* Before all flags are known: call `take` for each value of flag `name` on the command line, until
 * it returns other than -1. Unknown flags are ignored. */
int flags_peek(const struct flags *, const char *name, int argc, char **argv,
               int (*take)(void *user, const char *value), void *user);

/* -1: done. Else the exit code, and the error is reported. */
int flags_read_line(struct flags *, int argc, char **argv);

/* Keep a warning about the file until flags_warn writes all to the log. */
void flags_warn_later(struct flags *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void flags_warn(const struct flags *);

#endif
