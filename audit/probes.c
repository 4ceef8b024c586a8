/* probes.c - asks the application, on schedule, and judges each answer. */
#include "audit/probes.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "audit/process.h"
#include "base/memory.h"

enum { BODY_MOST = 1 << 20 };           /* bytes of an answer that texts are looked for in */

struct sample_slot {                    /* one sample; used again when it has ended */
	struct probe *probe;
	struct sample_slot *next;
	bool busy, alone;
	double begun;
	struct transfer transfer;       /* of a URL */
	struct curl_slist *headers;
	char *body;
	size_t n;
	bool too_long;
	struct process process;         /* of a command */
	struct poll_timer limit;
};

/* ---- answers ---- */

static bool has_text(const char *body, size_t n, const char *text)
{
	return n && memmem(body, n, text, strlen(text));
}

/* NULL: all texts are as they must be. */
static const char *text_wrong(const struct probe_words *w, const char *body, size_t n)
{
	for (size_t i = 0; i < w->contains.n; i++)
		if (!has_text(body, n, w->contains.at[i]))
			return "lacks a text";
	for (size_t i = 0; i < w->lacks.n; i++)
		if (has_text(body, n, w->lacks.at[i]))
			return "contains a text";
	return NULL;
}

static void row_add(struct probe *p, double begun, bool good)
{
	if (begun <= p->from)
		return;
	p->ended++;
	p->wrong += !good;
	if (!good) {
		p->bad = begun > p->bad ? begun : p->bad;
		return;
	}
	for (int i = 0; i < 3; i++)
		if (begun > p->ok[i]) {
			memmove(&p->ok[i + 1], &p->ok[i], sizeof(double) * (size_t)(2 - i));
			p->ok[i] = begun;
			return;
		}
}

static void sample_end(struct sample_slot *s, enum outcome outcome, const char *answer)
{
	struct probe *p = s->probe;
	struct probers *all = p->all;
	double now = poller_now(), within = all->record->probes.at[p->index].within;

	if (p->unaskable && all->recording)     /* later on that tells nothing of the application */
		outcome = OUTCOME_SKIPPED;
	poller_stop(all->poller, &s->limit);
	s->busy = false;
	p->under_way--;
	all->under_way--;
	all->samples++;
	if (outcome == OUTCOME_OK && within > 0 && now - s->begun > within)
		outcome = OUTCOME_SLOW;
	p->last = outcome;
	p->answered = true;
	snprintf(p->answer, sizeof p->answer, "%s", answer);
	if (all->recording)
		record_sample(all->record, p->index, s->begun, now, outcome, s->alone, answer);
	row_add(p, s->begun, outcome == OUTCOME_OK);
}

/* ---- URLs ---- */

static const struct wrong {             /* what libcurl reports instead of an answer */
	CURLcode code;
	enum outcome outcome;
	const char *answer;
	bool unaskable;
} wrongs[] = {
	{ CURLE_OPERATION_TIMEDOUT, OUTCOME_TIMEOUT, "no answer" },
	{ CURLE_COULDNT_CONNECT, OUTCOME_DOWN, "refused" },
	{ CURLE_GOT_NOTHING, OUTCOME_DOWN, "closed" },
	{ CURLE_PARTIAL_FILE, OUTCOME_DOWN, "closed early" },
	{ CURLE_RECV_ERROR, OUTCOME_DOWN, "reset" },
	{ CURLE_SEND_ERROR, OUTCOME_DOWN, "reset" },
	{ CURLE_SSL_CONNECT_ERROR, OUTCOME_DOWN, "no TLS" },
	{ CURLE_PEER_FAILED_VERIFICATION, OUTCOME_ERROR, "certificate" },
	{ CURLE_COULDNT_RESOLVE_HOST, OUTCOME_DOWN, "no such host", true },
	{ CURLE_WRITE_ERROR, OUTCOME_ERROR, "not HTTP" },
	{ CURLE_UNSUPPORTED_PROTOCOL, OUTCOME_ERROR, "not HTTP" },
	{ CURLE_WEIRD_SERVER_REPLY, OUTCOME_ERROR, "not HTTP" },
	{ 0 }
};

static void url_done(struct transfer *t, CURLcode code)
{
	struct sample_slot *s = (struct sample_slot *)((char *)t -
	                                               offsetof(struct sample_slot, transfer));
	const struct probe_words *w = s->probe->words;
	const struct wrong *wrong = wrongs;
	char answer[48];
	long status = 0;

	while (code && wrong->code && wrong->code != code)
		wrong++;
	if (code) {
		s->probe->unaskable = wrong->unaskable;
		sample_end(s, wrong->code ? wrong->outcome : OUTCOME_ERROR,
		           wrong->code ? wrong->answer : curl_easy_strerror(code));
		return;
	}
	s->probe->unaskable = false;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	const char *text = text_wrong(w, s->body, s->n);
	bool good = status >= 100 && status < 600 && w->statuses[status];
	snprintf(answer, sizeof answer, "%ld%s%s", status, good && text ? " " : "",
	         good && text ? text : "");
	sample_end(s, good && !text ? OUTCOME_OK : OUTCOME_ERROR, answer);
}

static size_t body_take(char *bytes, size_t size, size_t count, void *user)
{
	struct sample_slot *s = user;
	size_t n = size * count, room = BODY_MOST - s->n;

	if (!s->probe->words->contains.n && !s->probe->words->lacks.n)
		return n;
	if (n < room)
		room = n;
	s->body = xrealloc(s->body, s->n + room + 1);
	memcpy(s->body + s->n, bytes, room);
	s->n += room;
	return n;
}

static CURL *easy_make(struct sample_slot *s)
{
	const struct probe_words *w = s->probe->words;
	const struct probe_values *v = probe_values(w);
	CURL *easy = xalloced(curl_easy_init());

	s->headers = curl_slist_append(NULL, "Expect:");
	for (size_t i = 0; i < w->headers.n; i++)
		s->headers = curl_slist_append(s->headers, w->headers.at[i]);
	curl_easy_setopt(easy, CURLOPT_URL, v->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vaurien-audit/" VAURIEN_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, s->headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(s->probe->timeout * 1e3));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->probe->timeout * 1e3) + 1000);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, v->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, v->insecure ? 0L : 2L);
	if (w->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)w->body_size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, w->body);
	} else if (!strcmp(v->method, "POST")) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
	}
	if (!strcmp(v->method, "HEAD"))
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(v->method, w->body ? "POST" : "GET"))
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, v->method);
	return easy;
}

static void url_begin(struct sample_slot *s)
{
	if (!s->transfer.easy)
		s->transfer = (struct transfer){ .easy = easy_make(s), .done = url_done };
	poller_begin(s->probe->all->poller, &s->transfer);
}

/* ---- commands ---- */

static void command_ended(struct process *process)
{
	struct sample_slot *s = (struct sample_slot *)((char *)process -
	                                               offsetof(struct sample_slot, process));
	int code = WIFEXITED(process->status) ? WEXITSTATUS(process->status) : -1;
	const char *text = text_wrong(s->probe->words, process->text, process->n);
	char answer[48], status[24];

	s->probe->unaskable = code == 126 || code == 127;
	process_status(process, status);
	snprintf(answer, sizeof answer, "%s%s%s", status, !code && text ? " " : "",
	         !code && text ? text : "");
	sample_end(s, !code && !text ? OUTCOME_OK : OUTCOME_ERROR, answer);
}

static void command_late(struct poll_timer *t)
{
	struct sample_slot *s = (struct sample_slot *)((char *)t -
	                                               offsetof(struct sample_slot, limit));

	process_kill(&s->process);
	sample_end(s, OUTCOME_TIMEOUT, "no answer");
}

static void command_begin(struct sample_slot *s)
{
	struct probe *p = s->probe;
	char error[ERROR_MAX];

	s->process.ended = command_ended;
	s->limit.fire = command_late;
	poller_set(p->all->poller, &s->limit, s->begun + p->timeout);
	if (!process_shell(&s->process, probe_values(p->words)->command, p->all->environment,
	                   error))
		sample_end(s, OUTCOME_ERROR, "cannot start");
}

/* ---- samples ---- */

static struct sample_slot *slot_get(struct probe *p)
{
	struct sample_slot *s = p->slots;

	while (s && s->busy)
		s = s->next;
	if (!s) {
		s = xcalloc(1, sizeof *s);
		s->probe = p;
		s->next = p->slots;
		p->slots = s;
	}
	return s;
}

/* Two that are under way at a time are both not alone. */
static void company_note(struct probers *all)
{
	for (size_t i = 0; i < all->n; i++)
		for (struct sample_slot *s = all->at[i].slots; s; s = s->next)
			s->alone = false;
}

bool probe_ask(struct probe *p)
{
	struct probers *all = p->all;
	double now = poller_now();

	if (p->under_way == SAMPLES_MOST) {
		if (all->recording)
			record_sample(all->record, p->index, now, now, OUTCOME_SKIPPED, false, "");
		row_add(p, now, false);
		return false;
	}
	struct sample_slot *s = slot_get(p);
	if (all->under_way)
		company_note(all);
	s->alone = !all->under_way;
	s->busy = true;
	s->begun = now;
	s->n = 0;
	p->under_way++;
	all->under_way++;
	if (probe_values(p->words)->command)
		command_begin(s);
	else
		url_begin(s);
	return true;
}

static void probe_due(struct poll_timer *t)
{
	struct probe *p = (struct probe *)((char *)t - offsetof(struct probe, timer));
	double now = poller_now(), next = t->due + p->every;

	if (next < now)                 /* the auditor itself was held up: no burst follows */
		next = now + p->every;
	poller_set(p->all->poller, t, next);
	probe_ask(p);
}

void probes_start(struct probers *all)
{
	double now = poller_now();

	for (size_t i = 0; i < all->n; i++) {
		struct probe *p = &all->at[i];
		poller_set(all->poller, &p->timer, now + p->every * (double)i / (double)all->n);
	}
}

static void slot_drop(struct sample_slot *s)
{
	if (!s->busy)
		return;
	poller_cancel(s->probe->all->poller, &s->transfer);
	poller_stop(s->probe->all->poller, &s->limit);
	process_kill(&s->process);
	s->busy = false;
	s->probe->under_way--;
	s->probe->all->under_way--;
}

void probes_stop(struct probers *all)
{
	for (size_t i = 0; i < all->n; i++) {
		poller_stop(all->poller, &all->at[i].timer);
		for (struct sample_slot *s = all->at[i].slots; s; s = s->next)
			slot_drop(s);
	}
}

/* ---- steady ---- */

void probes_watch(struct probers *all, double from)
{
	for (size_t i = 0; i < all->n; i++) {
		struct probe *p = &all->at[i];
		p->from = from;
		p->bad = -1;
		p->ok[0] = p->ok[1] = p->ok[2] = -1;
		p->ended = p->wrong = 0;
	}
}

bool probe_steady(const struct probe *p)
{
	return p->ok[2] > p->from && p->ok[2] > p->bad;
}

bool probes_steady(const struct probers *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (!probe_steady(&all->at[i]))
			return false;
	return true;
}

bool probes_good(const struct probers *all, double since)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i].bad >= since)
			return false;
	return true;
}

const char *probes_ill(const struct probers *all, char *buffer, size_t size)
{
	snprintf(buffer, size, "no probe");
	for (size_t i = 0; i < all->n; i++) {
		const struct probe *p = &all->at[i];
		if (probe_steady(p))
			continue;
		snprintf(buffer, size, "%s: %s%s%s", p->words->name,
		         p->answered ? outcome_names[p->last] : "no answer yet",
		         p->answered && *p->answer ? ", " : "", p->answered ? p->answer : "");
		break;
	}
	return buffer;
}

/* ---- begin, end ---- */

void probes_init(struct probers *all, struct poller *poller, struct record *record,
                 const struct probe_words *words, size_t n, double every, double timeout)
{
	*all = (struct probers){ .poller = poller, .record = record, .n = n };
	all->at = xcalloc(n, sizeof *all->at);
	for (size_t i = 0; i < n; i++) {
		const struct probe_values *v = probe_values(&words[i]);
		struct probe *p = &all->at[i];
		*p = (struct probe){ .all = all, .words = &words[i], .index = (unsigned)i };
		p->every = v->every ? (double)v->every / VN_S : every;
		p->timeout = v->timeout ? (double)v->timeout / VN_S : timeout;
		p->timer.fire = probe_due;
	}
	probes_watch(all, -1);
}

void probes_free(struct probers *all)
{
	probes_stop(all);
	for (size_t i = 0; i < all->n; i++)
		for (struct sample_slot *s = all->at[i].slots, *next; s; s = next) {
			next = s->next;
			if (s->transfer.easy)
				curl_easy_cleanup(s->transfer.easy);
			curl_slist_free_all(s->headers);
			process_clear(&s->process);
			free(s->body);
			free(s);
		}
	free(all->at);
	*all = (struct probers){ .n = 0 };
}
