/* metrics.c - GET /metrics: all counters, in Prometheus' text format 0.0.4.
 *
 * A row of the table at the end is a family of metrics. There are as many values of a label as
 * there are proxies and rules, so the answer is made in pieces: of each family, SLICE proxies at a
 * time. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/pieces.h"
#include "api/router.h"
#include "api/toxiproxy_reply.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/events.h"
#include "engine/unmapped.h"
#include "engine/worker.h"
#include "plugins/plugin.h"

enum { SLICE = 64 };

struct scrape {
	struct pieces pieces;
	struct control *control;
	FILE *to;                       /* the answer */
	size_t family;                  /* the one that is being written */
	unsigned last;                  /* number of its last proxy that was written; 0: none yet */
	size_t n;                       /* proxies of this slice */
	const struct proxy *proxies[SLICE];
	struct totals totals[SLICE];    /* of each proxy, taken ... */
	unsigned slice;                 /* ... for the slice that begins after this number ... */
	vn_nsec taken;                  /* ... at this time; 0: not yet */
};

struct family {
	const char *name, *type, *help;
	void (*write)(const struct scrape *, const struct family *);
	unsigned which;                 /* for `write`: a counter, a direction ... */
	bool of_proxies;                /* `write` is called for each slice of them */
};

/* ---- lines ---- */

/* Writes `before`, which is { or a comma, and name="value". Bytes that are not UTF-8 are
 * written as "?". */
static void label(const struct scrape *s, char before, const char *name, const char *value)
{
	fprintf(s->to, "%c%s=\"", before, name);
	while (*value) {
		size_t n = utf8_length(value);
		if (*value == '\n')
			fputs("\\n", s->to);
		else if (*value == '"' || *value == '\\')
			fprintf(s->to, "\\%c", *value);
		else
			fwrite(n ? value : "?", 1, n ? n : 1, s->to);
		value += n ? n : 1;
	}
	putc('"', s->to);
}

static struct spec *spec_at(const struct scrape *s, size_t i)
{
	return proxy_spec(s->proxies[i]);
}

static void value(const struct scrape *s, uint64_t n)
{
	fprintf(s->to, "} %llu\n", (unsigned long long)n);
}

static void row(const struct scrape *s, const struct family *f, const char *proxy)
{
	fputs(f->name, s->to);
	label(s, '{', "proxy", proxy);
}

static void plain(const struct scrape *s, const struct family *f, double n)
{
	fprintf(s->to, "%s %.15g\n", f->name, n);
}

/* ---- proxies ---- */

/* One line per proxy. */
static void each(const struct scrape *s, const struct family *f,
                 uint64_t (*value_of)(const struct totals *, unsigned which))
{
	for (size_t i = 0; i < s->n; i++) {
		row(s, f, spec_at(s, i)->name);
		value(s, value_of(&s->totals[i], f->which));
	}
}

static uint64_t counter_of(const struct totals *t, unsigned which)
{
	return t->n[which];
}

static void counters(const struct scrape *s, const struct family *f)
{
	each(s, f, counter_of);
}

/* The counter `which` counts those that began, the next one those that ended. */
static uint64_t open_of(const struct totals *t, unsigned which)
{
	return totals_open(t, which, which + 1);
}

static void open_ones(const struct scrape *s, const struct family *f)
{
	each(s, f, open_of);
}

static uint64_t held_of(const struct totals *t, unsigned which)
{
	return t->held;
}

static void held(const struct scrape *s, const struct family *f)
{
	each(s, f, held_of);
}

/* The counter `which` is the request's, the next one the response's. */
static void directions(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned d = 0; d < 2; d++) {
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "direction", d ? "response" : "request");
			value(s, s->totals[i].n[f->which + d]);
		}
}

/* The same with Toxiproxy's labels. */
static void streams(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned d = 0; d < 2; d++) {
			const struct spec *spec = spec_at(s, i);
			char listen[160];
			fputs(f->name, s->to);
			label(s, '{', "direction", d ? "downstream" : "upstream");
			label(s, ',', "listener", toxiproxy_listen(s->proxies[i], listen));
			label(s, ',', "proxy", spec->name);
			label(s, ',', "upstream", spec->backend.text);
			value(s, s->totals[i].n[f->which + d]);
		}
}

static void ended(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned why = 0; why < CLOSE_REASONS; why++) {
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "reason", close_reason_names[why].name);
			value(s, s->totals[i].ended[why]);
		}
}

/* Of proxies on udp:// only. */
static void datagrams(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned d = 0; d < 2 && spec_at(s, i)->listen.udp; d++) {
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "direction", d ? "response" : "request");
			value(s, s->totals[i].n[f->which + d]);
		}
}

static void lost(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned why = 0; why < DATAGRAM_LOSSES && spec_at(s, i)->listen.udp; why++) {
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "reason", datagram_loss_names[why]);
			value(s, s->totals[i].lost[why]);
		}
}

/* Those that its server has named and no proxy had, now. */
static void unmapped(const struct scrape *s, const struct family *f)
{
	size_t told[SLICE][UNMAPPED_FATES] = { 0 };
	unsigned numbers[SLICE];

	for (size_t i = 0; i < s->n; i++)
		numbers[i] = proxy_number(s->proxies[i]);
	if (s->n)
		unmapped_count(s->proxies[0]->table->unmapped, numbers, s->n, told);
	for (size_t i = 0; i < s->n; i++) {
		told[i][UNMAPPED_ADDED] += told[i][UNMAPPED_ADDING];
		for (unsigned fate = 0; fate < UNMAPPED_FATES; fate++) {
			if (!told[i][fate] || fate == UNMAPPED_ADDING)
				continue;
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "fate", unmapped_fates[fate]);
			value(s, told[i][fate]);
		}
	}
}

static void infos(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct spec *spec = spec_at(s, i);
		row(s, f, spec->name);
		label(s, ',', "protocol", spec->protocol->name);
		label(s, ',', "listen", spec->listen.text);
		label(s, ',', "backend", spec->backend.text);
		label(s, ',', "behavior", spec->behavior);
		value(s, 1);
	}
}

/* ---- histograms ---- */

/* A histogram, whose label `name` is `of`. */
static void times(const struct scrape *s, const struct family *f, const char *name, const char *of,
                  const struct histogram_totals *t)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= BOUNDS; i++) {
		char le[32] = "+Inf";
		if (i < BOUNDS)
			snprintf(le, sizeof le, "%g", (double)histogram_bounds[i] / VN_S);
		sum += t->n[i];
		fprintf(s->to, "%s_bucket", f->name);
		label(s, '{', name, of);
		label(s, ',', "le", le);
		value(s, sum);
	}
	fprintf(s->to, "%s_sum", f->name);
	label(s, '{', name, of);
	fprintf(s->to, "} %.9f\n%s_count", (double)t->sum / VN_S, f->name);
	label(s, '{', name, of);
	value(s, sum);
}

static void answered(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		times(s, f, "proxy", spec_at(s, i)->name, &s->totals[i].answered);
}

/* ---- TLS ---- */

static const char *const legs[2] = { "client", "backend" };

static void tls_handshakes(const struct scrape *s, const struct family *f)
{
	enum { EACH = 2 * TLS_VERSIONS * 2 };

	for (size_t i = 0; i < s->n; i++)
		for (unsigned k = 0; k < EACH; k++) {
			unsigned leg = k / (EACH / 2), v = k / 2 % TLS_VERSIONS;
			uint64_t n = s->totals[i].tls[leg].done[v][k % 2];
			if (!n)
				continue;
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "leg", legs[leg]);
			label(s, ',', "version", tls_versions[v]);
			label(s, ',', "resumed", k % 2 ? "true" : "false");
			value(s, n);
		}
}

static void tls_failures(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned k = 0; k < 2 * TLS_REASONS; k++) {
			uint64_t n = s->totals[i].tls[k / TLS_REASONS].failed[k % TLS_REASONS];
			if (!n)
				continue;
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "leg", legs[k / TLS_REASONS]);
			label(s, ',', "reason", tls_reason(k % TLS_REASONS));
			value(s, n);
		}
}

static void tls_truncated(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		for (unsigned leg = 0; leg < 2; leg++) {
			row(s, f, spec_at(s, i)->name);
			label(s, ',', "leg", legs[leg]);
			value(s, s->totals[i].tls[leg].truncated);
		}
}

static void tls_times(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++)
		times(s, f, "proxy", spec_at(s, i)->name, &s->totals[i].tls_time);
}

/* ---- rules ---- */

enum { SEEN, HITS, UNREACHABLE };

static uint64_t rule_count(const struct rule_spec *r, unsigned which)
{
	const struct rule_counters *c = r->counters;

	switch (which) {
	case SEEN: return atomic_load_explicit(&c->seen, memory_order_relaxed);
	case HITS: return atomic_load_explicit(&c->hits, memory_order_relaxed);
	default:   return atomic_load_explicit(&c->unreachable, memory_order_relaxed);
	}
}

static void rules(const struct scrape *s, const struct family *f)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct spec *spec = spec_at(s, i);
		for (unsigned k = 0; k < spec->n_rules; k++) {
			const struct rule_spec *r = &spec->rules[k];
			row(s, f, spec->name);
			label(s, ',', "rule", r->name);
			label(s, ',', "behavior", r->behavior->name);
			value(s, rule_count(r, f->which));
		}
	}
}

/* ---- threads ---- */

static void thread_held(const struct scrape *s, const struct family *f)
{
	for (unsigned k = 0; k < control_worker_count(s->control); k++) {
		const struct worker *w = control_worker(s->control, k);
		fprintf(s->to, "%s{thread=\"worker %u\"} %zu\n", f->name, k,
		        atomic_load_explicit(&w->held, memory_order_relaxed));
	}
}

static void loop_turns(const struct scrape *s, const struct family *f)
{
	struct histogram_totals t = { 0 };
	char thread[24];

	histogram_totals_add(&t, &control_loop(s->control)->rounds);
	times(s, f, "thread", "control", &t);
	for (unsigned k = 0; k < control_worker_count(s->control); k++) {
		snprintf(thread, sizeof thread, "worker %u", k);
		t = (struct histogram_totals){ 0 };
		histogram_totals_add(&t, &control_worker(s->control, k)->loop.rounds);
		times(s, f, "thread", thread, &t);
	}
}

/* ---- the program ---- */

static void version(const struct scrape *s, const struct family *f)
{
	uint64_t seed = control_settings(s->control)->seed;

	fprintf(s->to, "%s{version=\"%s\",seed=\"%llu\"} 1\n", f->name, VAURIEN_VERSION,
	        (unsigned long long)seed);
}

static void log_lines(const struct scrape *s, const struct family *f)
{
	plain(s, f, (double)log_lost());
}

enum { WANTED, LOST, SUBSCRIBERS };

static void events(const struct scrape *s, const struct family *f)
{
	struct events_totals e = events_totals();

	plain(s, f, f->which == WANTED ? (double)e.wanted :
	            f->which == LOST ? (double)e.lost : e.subscribers);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void cpu(const struct scrape *s, const struct family *f)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	plain(s, f, seconds(u.ru_utime) + seconds(u.ru_stime));
}

static void descriptors(const struct scrape *s, const struct family *f)
{
	DIR *d = opendir("/proc/self/fd");
	double n = -3;                  /* ".", ".." and the directory that is read */

	if (!d)
		return;
	while (readdir(d))
		n++;
	closedir(d);
	plain(s, f, n);
}

static void limit(const struct scrape *s, const struct family *f)
{
	struct rlimit r;

	if (getrlimit((int)f->which, &r) == 0)
		plain(s, f, r.rlim_cur == RLIM_INFINITY ? -1 : (double)r.rlim_cur);
}

enum { VIRTUAL, RESIDENT };

static void memory(const struct scrape *s, const struct family *f)
{
	unsigned long pages[2];
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm)
		return;
	if (fscanf(statm, "%lu %lu", &pages[VIRTUAL], &pages[RESIDENT]) == 2)
		plain(s, f, (double)pages[f->which] * (double)sysconf(_SC_PAGESIZE));
	fclose(statm);
}

/* Field 22 of stat: when the process started, in ticks since the kernel did. */
static bool start_ticks(unsigned long long *ticks)
{
	FILE *stat = fopen("/proc/self/stat", "re");

	if (!stat)
		return false;
	int n = fscanf(stat, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u"
	                     " %*d %*d %*d %*d %*d %*d %llu", ticks);
	fclose(stat);
	return n == 1;
}

static void started(const struct scrape *s, const struct family *f)
{
	unsigned long long ticks;
	struct timespec now, up;

	if (!start_ticks(&ticks))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	double booted = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
	plain(s, f, booted + (double)ticks / (double)sysconf(_SC_CLK_TCK));
}

static void plugin(void *user, const char *file, uint64_t errors)
{
	const struct scrape *s = user;

	fputs("vaurien_plugin_errors_total", s->to);
	label(s, '{', "plugin", file);
	value(s, errors);
}

static void plugins(const struct scrape *s, const struct family *f)
{
	plugins_each(plugin, (void *)s);
}

/* ---- the table ---- */

static const struct family families[] = {
	{ "toxiproxy_proxy_received_bytes_total", "counter", "", streams, STAT_READ_REQUEST, true },
	{ "toxiproxy_proxy_sent_bytes_total", "counter", "", streams, STAT_SENT_REQUEST, true },

	{ "vaurien_info", "gauge", "The program's version and seed", version, 0 },
	{ "vaurien_proxy_info", "gauge",
	  "A proxy's protocol, addresses and behavior", infos, 0, true },
	{ "vaurien_connections_total", "counter",
	  "Connections accepted", counters, STAT_OPENED, true },
	{ "vaurien_connections_open", "gauge",
	  "Connections that are open", open_ones, STAT_OPENED, true },
	{ "vaurien_connections_ended_total", "counter",
	  "Connections that ended, by reason", ended, 0, true },
	{ "vaurien_received_bytes_total", "counter",
	  "Bytes read: requests from clients, responses from backends",
	  directions, STAT_READ_REQUEST, true },
	{ "vaurien_sent_bytes_total", "counter",
	  "Bytes sent: requests to backends, responses to clients",
	  directions, STAT_SENT_REQUEST, true },
	{ "vaurien_exchanges_total", "counter",
	  "Requests that were answered", counters, STAT_EXCHANGES, true },
	{ "vaurien_exchange_seconds", "histogram",
	  "From a request to the last byte of its response, with delays by rules",
	  answered, 0, true },
	{ "vaurien_raw_total", "counter",
	  "Connections whose parser gave up", counters, STAT_RAW, true },
	{ "vaurien_raw_open", "gauge",
	  "Connections whose parser gave up and that are open", open_ones, STAT_RAW, true },
	{ "vaurien_held_bytes", "gauge",
	  "Bytes that wait, with the memory to keep them", held, 0, true },
	{ "vaurien_bypasses_total", "counter",
	  "Addresses in answers that clients use round every proxy",
	  counters, STAT_BYPASSES, true },
	{ "vaurien_unmapped_addresses", "gauge",
	  "Addresses that servers have named and no proxy had, by fate", unmapped, 0, true },

	{ "vaurien_tls_handshakes_total", "counter",
	  "TLS handshakes that were done, by leg, version and resumption",
	  tls_handshakes, 0, true },
	{ "vaurien_tls_failures_total", "counter",
	  "TLS that failed, by leg and reason", tls_failures, 0, true },
	{ "vaurien_tls_handshake_seconds", "histogram",
	  "How long TLS handshakes took", tls_times, 0, true },
	{ "vaurien_tls_truncated_total", "counter",
	  "TLS streams that ended without close_notify", tls_truncated, 0, true },
	{ "vaurien_tls_wire_bytes_total", "counter",
	  "Bytes on the wire of both legs' TLS", counters, STAT_TLS_WIRE, true },
	{ "vaurien_datagrams_received_total", "counter",
	  "Datagrams that came, of proxies on udp://", datagrams, STAT_READS_REQUEST, true },
	{ "vaurien_datagrams_sent_total", "counter",
	  "Datagrams that were sent on", datagrams, STAT_DATAGRAMS_REQUEST, true },
	{ "vaurien_datagrams_lost_total", "counter",
	  "Datagrams that were lost, but for what rules do, by reason", lost, 0, true },

	{ "vaurien_plugin_errors_total", "counter", "Calls of a script that failed", plugins, 0 },

	{ "vaurien_rule_seen_total", "counter",
	  "Exchanges that a rule looked at", rules, SEEN, true },
	{ "vaurien_rule_hits_total", "counter", "Exchanges that a rule struck", rules, HITS, true },
	{ "vaurien_rule_unreachable_total", "counter",
	  "Exchanges that a rule could not strike", rules, UNREACHABLE, true },

	{ "vaurien_thread_held_bytes", "gauge",
	  "Bytes that wait, by thread; each has its part of --hold-total", thread_held, 0 },
	{ "vaurien_loop_seconds", "histogram",
	  "How long a turn of a thread's loop took, and so the others waited", loop_turns, 0 },
	{ "vaurien_log_lines_lost_total", "counter",
	  "Lines of the log that found no room", log_lines, 0 },
	{ "vaurien_events_total", "counter", "Events that a subscriber wanted", events, WANTED },
	{ "vaurien_events_lost_total", "counter",
	  "Events that a slow subscriber missed", events, LOST },
	{ "vaurien_event_readers", "gauge", "Subscribers of events", events, SUBSCRIBERS },

	{ "process_cpu_seconds_total", "counter",
	  "Total user and system CPU time spent in seconds.", cpu, 0 },
	{ "process_open_fds", "gauge", "Number of open file descriptors.", descriptors, 0 },
	{ "process_max_fds", "gauge",
	  "Maximum number of open file descriptors.", limit, RLIMIT_NOFILE },
	{ "process_virtual_memory_bytes", "gauge",
	  "Virtual memory size in bytes.", memory, VIRTUAL },
	{ "process_virtual_memory_max_bytes", "gauge",
	  "Maximum amount of virtual memory available in bytes.", limit, RLIMIT_AS },
	{ "process_resident_memory_bytes", "gauge",
	  "Resident memory size in bytes.", memory, RESIDENT },
	{ "process_start_time_seconds", "gauge",
	  "Start time of the process since unix epoch in seconds.", started, 0 },
};

enum { FAMILIES = sizeof families / sizeof *families };

/* The next proxies. What they have counted is read once for all families, where the same ones are
 * written in the same turn of the loop. */
static void slice_take(struct scrape *s)
{
	const struct proxy_table *all = control_proxies(s->control);
	vn_nsec now = control_loop(s->control)->now;
	bool same = s->taken == now && s->slice == s->last;
	const struct proxy *p = NULL;

	s->slice = s->last;
	s->taken = now;
	for (s->n = 0; s->n < SLICE && (p = proxy_made_after(all, s->last)); s->n++) {
		if (!same)
			proxy_totals(p, &s->totals[s->n]);
		s->proxies[s->n] = p;
		s->last = proxy_number(p);
	}
}

static bool scrape_next(struct pieces *p, FILE *to)
{
	struct scrape *s = OWNER(scrape, pieces, p);
	const struct family *f = &families[s->family];

	s->to = to;
	if (!s->last)
		fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type);
	if (f->of_proxies)
		slice_take(s);
	f->write(s, f);
	if (!f->of_proxies || s->n < SLICE) {
		s->last = 0;
		s->family++;
	}
	return s->family < FAMILIES;
}

static void scrape_gone(struct pieces *p)
{
	free(OWNER(scrape, pieces, p));
}

static void get_metrics(struct request *r)
{
	struct scrape *s = xcalloc(1, sizeof *s);

	s->pieces = (struct pieces){ scrape_next, scrape_gone };
	s->control = request_control(r);
	request_pieces(r, 200, "text/plain; version=0.0.4; charset=utf-8", &s->pieces);
}

static const struct route routes[] = {
	{ NULL, "/metrics", get_metrics, false },
	{ NULL },
};

DIALECT(metrics, .routes = routes, .check = toxiproxy_check)
