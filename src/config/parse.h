/* parse.h - the program's own options, and what is known of them until all is read: settings.c and outset.c at work. */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/flags.h"
#include "config/settings.h"

struct raw_options {                          /* the program's own options */
	const char *proxy, *backend, *protocol, *proxy_name, *add, *behavior, *rule;
	int64_t backlog, bufsize, splice_from, pool_max_size, pool_timeout, threads;
	vn_nsec timeout, linger;
	const char *hold_max, *hold_total, *seed, *loopback_congestion;
	bool enabled, stay_connected, sync, http, statsd_enabled;
	const char *http_host, *http_token, *statsd_host, *statsd_prefix;
	int64_t http_port, statsd_port;
	double statsd_rate;
	const char *log_level, *log_format, *log_output, *events, *config, *plugin, *list;
	bool help, version;
};

struct parse {                        /* what is needed until all is read; or the same for one proxy, with words of its own */
	struct raw_options *raw;              /* as far as known; core's */
	struct vn_opt *options;            /* core's table */
	struct opt_values core;
	struct opt_values *protocols;        /* in the order of protocols_all() */
	struct defaults *defaults;      /* of the behaviors */
	struct flags flags;
	struct settings *settings;
	bool bare;                      /* no proxy is there that nobody speaks of */
};

bool is_json(const char *file);          /* by its name: NULL is not */

/* Make settings->proxies. -1: done; else the exit code, and why has been said. */
int proxies_build(struct parse *);

bool size_read(const char *text, int64_t *to);  /* "8M" */

#endif
