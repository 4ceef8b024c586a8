/* flags.h - one table of flags for command line and INI file: who has said what, nearer before farther. */
#ifndef CONFIG_FLAGS_H
#define CONFIG_FLAGS_H

#include <stddef.h>

#include "spec/option.h"
#include "config/error.h"

enum flag_group {                       /* the headings of --help, in its order */
	GROUP_PROXY, GROUP_BEHAVIOR, GROUP_HTTP, GROUP_LOGS, GROUP_STATSD, GROUP_GENERAL, GROUP_PROTOCOLS,
	GROUP_BEHAVIORS, GROUP_OLDER, GROUPS
};

struct flag {
	char *name;                     /* what stands behind "--" */
	enum flag_group group;          /* those of GROUP_GENERAL are for the command line only */
	const char *guest, *guest_help; /* whose it is: a protocol's or a behavior's; else NULL */
	const char *value;              /* what --help calls its value */
	const char *alone;              /* its value when it stands without one; NULL: it must have one */
	const struct vn_opt *opt;
	struct opt_values *values;            /* where its value goes */
	int level;                      /* who has set it: 0 nobody, 1 the command line, 2 the file, 3 ... files it extends */
	bool on;                        /* set, and not to false or 0 */
	bool own;                       /* a proxy may have words of its own for it */
	bool many;                      /* may be given again: its values are lines of one text */
};

struct flags {                          /* zeroed at first */
	struct flag *at;
	size_t n;
	struct file_rule *rules;        /* of the file: what stands in [rule:NAME] */
	struct proxy_config *proxies;    /* what --add and [proxy:NAME] say */
	struct unknown_section *unknown_sections;     /* sections of the file about guests that are not here */
	struct warning *warnings;       /* kept until it is known where the log goes */
};

struct file_rule {                      /* [rule:NAME] */
	char *name, *behavior;          /* behavior NULL: not said */
	char *proxy;                    /* whose; NULL: the first's */
	char *text;                    /* key="value" ... */
	int depth;                      /* of the file that spoke last; what nearer ones have said stands: */
	bool nearer_behavior;
	size_t nearer_text;            /* so many bytes of the words */
	struct file_rule *next;
};

struct proxy_config {                    /* one proxy's own words */
	char *name;
	bool added;                     /* the command line has it */
	struct said { struct said *next; struct flag *flag; int level; char *value; } *said, **last;
	struct proxy_config *next;
};

struct proxy_config *flags_proxy(struct flags *, const char *name);      /* those of that name, made if need be */
struct flag *flags_own(struct flags *, const char *key);        /* that a proxy may have words of its own for; NULL */
bool proxy_config_set(struct proxy_config *, struct flag *, int level, const char *value, char error[ERROR_MAX]);        /* checked */
bool flag_set(struct flag *, const char *text, int level, char error[ERROR_MAX]);        /* unless a nearer one has */

struct flag *flags_add(struct flags *, enum flag_group, const char *prefix, const struct vn_opt *, struct opt_values *);
void flags_add_guest(struct flags *, enum flag_group, const char *kind, const char *guest, const char *help,
                     const struct vn_opt *options, struct opt_values *);
void flags_free(struct flags *);

const struct flag *flag_get(const struct flags *, const char *name);    /* must be there */

/* Before all flags are known: each value that the command line gives to one that is, until `take` returns other than
 * -1. What is not known yet is passed over. */
int flags_peek(const struct flags *, const char *name, int argc, char **argv, int (*take)(void *user, const char *value), void *user);

/* The name of the guest that a section "behavior:NAME" is about; NULL: it is about something else. */
const char *flags_section_guest(const char *section, bool *behavior);

/* -1: understood; else the exit code, and why has been said. */
int flags_read_line(struct flags *, int argc, char **argv);
int flags_read_file(struct flags *, const char *path);

void flags_warn(const struct flags *);  /* to the log: what the file said that nobody understands */

#endif
