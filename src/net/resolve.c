/* resolve.c - names to addresses on threads of their own; one look-up in flight per name, answers at most a second old.
 *
 * A job is a name being looked up, or its fresh answer; askers of the same name wait on the same
 * job. Answers go to each asker's loop as mail; one that was dropped meanwhile is thrown away there. */
#include "net/resolve.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { THREADS = 2 };

struct lookup_job {                       /* one asker's part; freed in the asker's loop */
	struct mail mail;
	struct lookup_job *next;          /* waiting for the same name */
	struct loop *loop;
	struct lookup *look;              /* NULL: dropped. The asker's thread only */
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;
	const char *error;
};

struct name {                           /* under the lock */
	struct name *next;
	char *host; int port;
	enum { WAITING, ASKING, ANSWERED } stage;
	vn_nsec answered;
	struct lookup_job *askers;
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;
	const char *error;
};

struct resolver {
	pthread_t threads[THREADS];
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool stop, started;
	struct name *names;
};

static void lookup_tell(struct mail *m)
{
	struct lookup_job *j = (struct lookup_job *)m;
	struct lookup *l = j->look;

	if (l) {
		memcpy(l->found, j->found, sizeof l->found);
		l->n = j->n;
		l->error = j->error;
		l->job = NULL;
		l->done(l);
	}
	free(j);
}

static void name_tell(const struct name *n, struct lookup_job *j)
{
	memcpy(j->found, n->found, sizeof j->found);
	j->n = n->n;
	j->error = n->error;
	loop_post(j->loop, &j->mail);
}

/* The system's own look-up; the lock is not held. */
static void name_ask(const char *host, int port, struct name *answer)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV }, *list = NULL;
	char service[16];

	snprintf(service, sizeof service, "%d", port);
	int rc = getaddrinfo(host, service, &hints, &list);
	answer->n = 0;
	answer->error = rc ? gai_strerror(rc) : "the name has no address";
	for (struct addrinfo *a = rc ? NULL : list; a && answer->n < ENDPOINTS_MAX; a = a->ai_next) {
		struct endpoint *e = &answer->found[answer->n++];
		memset(e, 0, sizeof *e);
		memcpy(&e->addr, a->ai_addr, a->ai_addrlen);
		e->len = a->ai_addrlen;
	}
	if (!rc)
		freeaddrinfo(list);
}

static struct name *name_waiting(struct resolver *r)
{
	struct name *n = r->names;

	while (n && n->stage != WAITING)
		n = n->next;
	return n;
}

static void *resolver_thread(void *arg)
{
	struct resolver *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct name *n = name_waiting(r), answer;
		if (!n) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		n->stage = ASKING;
		pthread_mutex_unlock(&r->lock);
		name_ask(n->host, n->port, &answer);    /* a name under way is never freed */
		pthread_mutex_lock(&r->lock);
		memcpy(n->found, answer.found, sizeof n->found);
		n->n = answer.n;
		n->error = answer.error;
		n->stage = ANSWERED;
		n->answered = clock_monotonic();
		struct lookup_job *j = n->askers, *next;
		n->askers = NULL;
		for (; j; j = next) {
			next = j->next;
			name_tell(n, j);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct resolver *resolver_start(void)
{
	struct resolver *r = xcalloc(1, sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	return r;
}

static void name_free(struct name *n)
{
	while (n->askers) {
		struct lookup_job *j = n->askers;
		n->askers = j->next;
		free(j);
	}
	free(n->host);
	free(n);
}

void resolver_stop(struct resolver *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; r->started && i < THREADS; i++)
		pthread_join(r->threads[i], NULL);
	for (struct name *n = r->names, *next; n; n = next) {
		next = n->next;
		name_free(n);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	free(r);
}

/* Old answers go; those that live are few: an entry per name in use. */
static void names_prune(struct resolver *r)
{
	vn_nsec now = clock_monotonic();

	for (struct name **at = &r->names, *n; (n = *at);) {
		if (n->stage == ANSWERED && now - n->answered > VN_S) {
			*at = n->next;
			name_free(n);
		} else {
			at = &n->next;
		}
	}
}

static struct name *name_of(struct resolver *r, const struct address *a)
{
	struct name *n = r->names;

	while (n && (n->port != a->port || strcmp(n->host, a->host)))
		n = n->next;
	if (n)
		return n;
	n = xcalloc(1, sizeof *n);
	n->host = xstrdup(a->host);
	n->port = a->port;
	n->next = r->names;
	r->names = n;
	return n;
}

static void resolver_threads(struct resolver *r)
{
	for (int i = 0; !r->started && i < THREADS; i++) {
		int rc = pthread_create(&r->threads[i], NULL, resolver_thread, r);
		assert(rc == 0);
	}
	r->started = true;
}

void lookup_start(struct lookup *l, struct resolver *r, struct loop *loop, const struct address *a)
{
	l->n = 0;
	l->job = NULL;
	if (address_numeric(a, false, &l->found[0])) {
		l->n = 1;
		l->done(l);
		return;
	}
	struct lookup_job *j = xcalloc(1, sizeof *j);
	*j = (struct lookup_job){ .mail.open = lookup_tell, .loop = loop, .look = l };
	l->job = j;
	pthread_mutex_lock(&r->lock);
	resolver_threads(r);
	names_prune(r);
	struct name *n = name_of(r, a);
	if (n->stage == ANSWERED) {
		name_tell(n, j);
	} else {
		j->next = n->askers;
		n->askers = j;
		pthread_cond_signal(&r->work);
	}
	pthread_mutex_unlock(&r->lock);
}

void lookup_cancel(struct lookup *l)
{
	if (l->job)
		l->job->look = NULL;
	l->job = NULL;
}
