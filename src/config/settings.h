/* settings.h - the settings of the process: proxies, API, statsd, log, limits.
 *
 * Owned by the control thread; workers read the numbers once, when they start. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "spec/spec.h"

struct run_settings;

struct settings {
	size_t n_proxies;
	struct spec **proxies;          /* the first one is the one of --behavior */
	struct spec **named;            /* the same, sorted by name; borrowed */
	size_t n_templates;
	struct spec **templates;        /* one per protocol: defaults of proxies created later */
	struct run_settings *run;       /* of `vaurien run`; NULL: it is not that */
	bool http; char *http_host; int64_t http_port;
	char *http_token;               /* "": no token is needed */
	struct {
		bool enabled; char *host; int64_t port; char *prefix; double sample_rate;
	} statsd;
	struct fleet_settings {         /* NULL: not given */
		char *url;              /* etcd://HOST:PORT[,HOST:PORT]/PREFIX; NULL: in no fleet */
		char *name, *labels, *ca, *cert, *key, *user;
	} fleet;
	struct {                        /* text NULL: not given */
		char *dir, *keylog;
		vn_nsec timeout;        /* of a handshake; 0: none */
	} tls;
	bool watch_config;              /* read the files again when they change */
	const char *dialect;            /* of API paths without a prefix; NULL: Vaurien's */
	bool lenient;                   /* a proxy that cannot listen is only logged at start */
	char *log_output;               /* "-": standard error. The level is log_threshold */
	char *events;                   /* file of event lines; "-": standard output; "": none */
	uint64_t seed;                  /* given, or drawn from the system */
	int64_t threads;
	int64_t bufsize;                /* a worker's read buffer, bytes */
	int64_t splice_from;            /* reads of at least so many bytes count as bulk */
	bool reno;                      /* bulk over loopback uses Reno congestion control */
	int64_t hold_total;             /* held bytes over all connections */
	int64_t discover;               /* proxies that `unmapped = add` makes, at most */
	double timeout;                 /* as logged at start, seconds */
	int64_t pool_max_size;
	bool stay_connected;
	struct { bool timeout, pool_max_size; } given;  /* else not logged */
	bool require_hit;               /* exit with 3 if a rule of the start never struck */
	int argc; char **argv;          /* read from these ... */
	int (*read)(struct settings *, int argc, char **argv);  /* ... by this function */
};

void settings_free(struct settings *);

/* Take over what may change while the program runs: proxies, templates and token are exchanged with
 * `next`. Other differences are logged as a warning. */
void settings_renew(struct settings *, struct settings *next);

/* Defaults of a new proxy of this protocol (NULL: tcp); borrowed. */
struct spec *settings_template(const struct settings *, const struct vn_protocol *);

/* The proxy of this name; NULL: there is none. */
struct spec *settings_find(const struct settings *, const char *name);

/* Add a proxy; takes the reference over. -1: added. 1: its name is taken, and the error is
 * reported. */
int settings_add(struct settings *, struct spec *);

#endif
