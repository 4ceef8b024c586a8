/* web.c - HTTP requests with JSON bodies, by libcurl, on the control thread's loop. */
#include "fleet/web.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CONNECT_MS = 2000 };

struct web {
	struct loop *loop;
	CURLM *multi;
	struct timer timer;             /* what libcurl waits for */
	struct mail later;              /* `finished` are to be looked for, at the round's end */
	bool looks;                     /* it is under way */
	struct web_tls tls;
};

/* One socket of libcurl's. */
struct socket { struct watch watch; struct web *web; };

/* ---- what has ended ---- */

static void request_clear(struct web_request *r)
{
	curl_multi_remove_handle(r->web->multi, r->easy);
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	free(r->text);
	r->easy = NULL;
	r->headers = NULL;
	r->text = NULL;
	r->n = r->room = 0;
}

/* etcd's own sentence in an answer that is an error; NULL: there is none. */
static const char *sentence_of(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(error);

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	return text ? text : json_string_value(json_object_get(answer, "message"));
}

static void request_ended(struct web_request *r, CURLcode code)
{
	char error[ERROR_MAX] = "";
	long status = 0;
	json_t *answer = json_loadb(r->text ? r->text : "", r->n, 0, NULL);

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->long_)
		error_format(error, "the answer is longer than %d bytes", ANSWER_MAX);
	else if (r->broken || (!code && !r->line && !json_is_object(answer)))
		error_format(error, "the answer is not JSON (HTTP status %ld)", status);
	else if (code)
		error_format(error, "%s", curl_easy_strerror(code));
	else if (status != 200 && sentence_of(answer))
		error_format(error, "%s", sentence_of(answer));
	else if (status != 200)
		error_format(error, "HTTP status %ld", status);
	else if (r->line)
		error_format(error, "the stream has ended");
	request_clear(r);
	r->done(r, *error ? NULL : answer, *error ? error : NULL);
	json_decref(answer);
}

static void look(struct mail *m)
{
	struct web *w = OWNER(web, later, m);
	CURLMsg *message;
	int left;

	w->looks = false;
	if (!w->multi) {                /* it was closed meanwhile */
		free(w);
		return;
	}
	while (w->multi && (message = curl_multi_info_read(w->multi, &left))) {
		struct web_request *r;
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&r);
		request_ended(r, code);
	}
}

/* Callbacks may start and cancel requests, which libcurl forbids inside its own. */
static void look_later(struct web *w)
{
	if (w->looks)
		return;
	w->looks = true;
	w->later.open = look;
	loop_defer(w->loop, &w->later);
}

/* ---- sockets and time ---- */

static void socket_ready(struct watch *watch, unsigned events)
{
	struct socket *s = OWNER(socket, watch, watch);
	struct web *w = s->web;         /* s may be freed */
	int running, what = 0;

	what |= events & EPOLLIN ? CURL_CSELECT_IN : 0;
	what |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
	what |= events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
	curl_multi_socket_action(w->multi, watch->fd, what, &running);
	look_later(w);
}

/* Events of this round may still point at it. */
struct gone { struct mail mail; struct socket *socket; };

static void socket_free(struct mail *m)
{
	struct gone *g = OWNER(gone, mail, m);

	free(g->socket);
	free(g);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *web, void *of)
{
	struct web *w = web;
	struct socket *s = of;
	unsigned events = what == CURL_POLL_IN ? EPOLLIN : what == CURL_POLL_OUT ? EPOLLOUT
		: EPOLLIN | EPOLLOUT;

	if (s)
		loop_unwatch(w->loop, &s->watch);
	if (what == CURL_POLL_REMOVE) {
		if (s) {
			struct gone *g = xmalloc(sizeof *g);
			*g = (struct gone){ { .open = socket_free }, s };
			s->watch.fd = -1;
			loop_defer(w->loop, &g->mail);
		}
		return 0;
	}
	if (!s) {
		s = xcalloc(1, sizeof *s);
		s->web = w;
		s->watch = (struct watch){ fd, socket_ready };
		curl_multi_assign(w->multi, fd, s);
	}
	loop_watch(w->loop, &s->watch, events);
	return 0;
}

static void timer_fired(struct timer *t)
{
	struct web *w = OWNER(web, timer, t);
	int running;

	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look_later(w);
}

static int timer_wanted(CURLM *multi, long ms, void *web)
{
	struct web *w = web;

	timer_set(w->loop, &w->timer, ms < 0 ? VN_NEVER : w->loop->now + (ms ? ms * VN_MS : 1));
	return 0;
}

/* ---- a request ---- */

static bool room_for(struct web_request *r, size_t n)
{
	if (r->n + n > ANSWER_MAX) {
		r->long_ = true;
		return false;
	}
	if (r->n + n > r->room)
		r->text = xrealloc(r->text, r->room = (r->n + n) * 2);
	return true;
}

/* The values of all whole lines that are here. */
static bool lines_take(struct web_request *r, size_t from)
{
	char *end, *at = r->text;
	size_t n = r->n;

	for (size_t look_from = from; (end = memchr(at + look_from, '\n', n - look_from));) {
		json_t *value = json_loadb(at, (size_t)(end - at), 0, NULL);
		if (!json_is_object(value)) {
			json_decref(value);
			r->broken = end > at;
			if (r->broken)
				return false;
		} else {
			r->line(r, value);
			json_decref(value);
		}
		n -= (size_t)(end + 1 - at);
		at = end + 1;
		look_from = 0;
	}
	memmove(r->text, at, n);
	r->n = n;
	return true;
}

static size_t bytes_came(char *bytes, size_t size, size_t n, void *request)
{
	struct web_request *r = request;
	size_t from = r->n;

	n *= size;
	if (!n || !room_for(r, n))
		return 0;
	memcpy(r->text + r->n, bytes, n);
	r->n += n;
	return !r->line || lines_take(r, from) ? n : 0;
}

static void tls_set(CURL *easy, const struct web_tls *tls)
{
	if (tls->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca);
	if (tls->cert)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert);
	if (tls->key)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key);
}

void web_start(struct web *w, struct web_request *r, const char *url, const char *token,
               json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT), header[1100];
	CURL *easy = xalloced(curl_easy_init());

	json_decref(body);
	r->web = w;
	r->easy = easy;
	r->long_ = r->broken = false;
	r->headers = curl_slist_append(NULL, "Content-Type: application/json");
	int n = snprintf(header, sizeof header, "Authorization: %s", token ? token : "");
	if (token && (size_t)n < sizeof header)
		r->headers = curl_slist_append(r->headers, header);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, xalloced(text));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, bytes_came);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);         /* wait for no look-up */
	/* none, whatever the environment says */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	if (r->timeout != VN_NEVER)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(r->timeout / VN_MS));
	tls_set(easy, &w->tls);
	free(text);
	curl_multi_add_handle(w->multi, easy);
}

void web_cancel(struct web_request *r)
{
	if (r->easy)
		request_clear(r);
}

/* ---- open and close ---- */

struct web *web_open(struct loop *loop, const struct web_tls *tls, char error[ERROR_MAX])
{
	struct web *w = xcalloc(1, sizeof *w);

	w->loop = loop;
	w->tls = *tls;
	w->timer.fire = timer_fired;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(w->multi = curl_multi_init())) {
		error_format(error, "fleet: libcurl does not start");
		free(w);
		return NULL;
	}
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	return w;
}

static void web_free(struct mail *m)
{
	free(OWNER(web, later, m));
}

void web_close(struct web *w)
{
	if (!w)
		return;
	curl_multi_cleanup(w->multi);
	w->multi = NULL;
	timer_stop(w->loop, &w->timer);
	if (w->looks)                   /* look() finds no multi, and frees it */
		return;
	w->later.open = web_free;
	loop_defer(w->loop, &w->later);
}
