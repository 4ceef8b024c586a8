/* settings.h - the whole program's words: the command line and the INI file, checked, with help. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "spec/spec.h"

struct settings {
	size_t n_proxies;
	struct spec **proxies;                  /* of command line and file; the first is the one that --behavior speaks of */
	size_t n_templates;
	struct spec **templates;                   /* one per protocol: what a proxy is that says no more, for those that come later */
	bool http; char *http_host; int64_t http_port;
	char *http_token;                       /* "": none is asked for */
	struct { bool enabled; char *host; int64_t port; char *prefix; double sample_rate; } statsd;
	const char *dialect;                    /* of the API, for paths that are in none; NULL: Vaurien's */
	bool lenient;                           /* a proxy that cannot listen is told of in the log, and ends nothing */
	char *log_output;                       /* "-": stderr. The level is in log_threshold */
	char *events;                           /* where events go as lines, "-": stdout; "": nowhere */
	uint64_t seed;                          /* given, or drawn from the system */
	int64_t threads;
	int64_t bufsize;                        /* a worker's read buffer */
	int64_t splice_from;                    /* bulk */
	bool reno;                              /* for bulk to this machine itself */
	int64_t hold_total;                     /* held bytes in all */
	double timeout;                 /* as the start-up lines show them, seconds */
	int64_t pool_max_size, pool_timeout;
	bool stay_connected, sync;
	int argc; char **argv;                  /* what all that was made from, and ... */
	int (*read)(struct settings *, int argc, char **argv);  /* ... by whom */
};

/* Read `argc`, `argv` and the file they name. -1: go on; else exit with that code: all that is to be
 * said has been said (help, version, list, or one sentence about what is wrong). */
int  settings_read(struct settings *, int argc, char **argv);
int  settings_read_bare(struct settings *, int argc, char **argv);      /* without a proxy where none is spoken of */
void settings_free(struct settings *);

/* What may change while the program runs is `next`'s from now on. A warning tells of what may not, and has. */
void settings_renew(struct settings *, struct settings *next);

struct spec *settings_template(const struct settings *, const struct vn_protocol *);  /* borrowed; NULL: of tcp */
int  settings_add(struct settings *, struct spec *);    /* a proxy more; -1: good; 1: its name is not free, and that has been said */

#endif
