/* parse.h - the state of reading the configuration: raw options, and the flags that set them.
 *
 * It lives while settings_read() runs; one proxy's options are a copy of it (overrides.h). */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/flags.h"
#include "config/settings.h"

struct raw_options {                    /* the program's own; their table is in settings_read.c */
	const char *proxy, *backend, *protocol, *proxy_name, *add, *behavior, *rule;
	int64_t backlog, bufsize, splice_from, pool_max_size, pool_timeout, threads, sessions;
	vn_nsec timeout, linger;
	const char *proxy_protocol, *hold_max, *hold_total, *seed, *loopback_congestion;
	bool enabled, stay_connected, sync, http, statsd_enabled, require_hit, watch_config;
	const char *fleet, *fleet_name, *fleet_labels, *fleet_ca, *fleet_cert, *fleet_key,
		*fleet_user;
	const char *http_host, *http_token, *statsd_host, *statsd_prefix;
	int64_t http_port, statsd_port;
	double statsd_rate;
	const char *known_as, *topology, *unmapped;
	int64_t discover;
	const char *tls_dir, *tls_keylog;
	vn_nsec tls_timeout;
	const char *only, *except;
	bool no_discover, no_wait, require, allow_io_uring;
	const char *log_level, *log_format, *log_output, *events, *config, *plugin, *list;
	const char *help;
	bool version;
};

struct parse {
	struct raw_options *raw;        /* in `core` */
	struct vn_opt *options;         /* the table of `core` */
	struct opt_values core;
	struct opt_values tls;          /* tls_options */
	struct opt_values *protocols;   /* in the order of protocols_all() */
	struct defaults *defaults;      /* options of behaviors */
	struct flags flags;
	struct settings *settings;
	bool bare;                      /* no default proxy if none is configured */
	bool run;                       /* vaurien run: proxies have no listener of their own */
};

bool is_json(const char *file);         /* by its name; false for NULL */
bool size_read(const char *text, int64_t *to);  /* "8M"; false: not a size above 0 */

#endif
