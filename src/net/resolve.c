/* resolve.c - non-blocking look-up of host names, with a thread for each name under way.
 *
 *   resolver -> name -> name -> ...     name: [ host, port, result, askers -> job -> job ]
 *
 * A name is in the list from the first request until its result is 1 s old. Results go to each
 * requester's loop as mail; the job of a cancelled request is freed there. Threads are detached: a
 * look-up that hangs does not delay the program's end. The resolver lives until the last thread
 * ends. */
#include "net/resolve.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
	THREADS_MAX = 256,              /* names looked up at a time; others wait */
	STACK = 256 * 1024,             /* bytes of each thread's stack */
};

/* One request and, later, its result. Freed in the requester's loop. */
struct lookup_job {
	struct mail mail;
	struct lookup_job *next;        /* waits for the same name */
	struct loop *loop;
	struct lookup *lookup;          /* the requester's thread only; NULL: cancelled */
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;
	const char *error;
};

/* Protected by the resolver's lock. */
struct name {
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
	pthread_mutex_t lock;
	unsigned refs;                  /* the owner's, and one for each thread */
	unsigned running;               /* threads that look a name up */
	bool stopped;
	struct name *names, **last;     /* the oldest first */
};

/* ---- results ---- */

static void lookup_tell(struct mail *m)
{
	struct lookup_job *j = (struct lookup_job *)m;
	struct lookup *l = j->lookup;

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

static void name_answer(struct name *n, const struct name *answer)
{
	memcpy(n->found, answer->found, sizeof n->found);
	n->n = answer->n;
	n->error = answer->error;
	n->stage = ANSWERED;
	n->answered = clock_monotonic();
	struct lookup_job *j = n->askers, *next;
	n->askers = NULL;
	for (; j; j = next) {
		next = j->next;
		name_tell(n, j);
	}
}

static void name_free(struct name *n)
{
	assert(!n->askers);
	free(n->host);
	free(n);
}

/* ---- threads ---- */

/* Blocks, so the lock is not held. */
static void name_ask(const char *host, int port, struct name *answer)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
	                          .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV }, *list = NULL;
	char service[16];

	snprintf(service, sizeof service, "%d", port);
	int rc = getaddrinfo(host, service, &hints, &list);
	answer->n = 0;
	answer->error = rc ? gai_strerror(rc) : "the name has no address";
	for (struct addrinfo *a = rc ? NULL : list; a && answer->n < ENDPOINTS_MAX;
	     a = a->ai_next) {
		struct endpoint *e = &answer->found[answer->n++];
		memset(e, 0, sizeof *e);
		memcpy(&e->addr, a->ai_addr, a->ai_addrlen);
		e->len = a->ai_addrlen;
	}
	if (!rc)
		freeaddrinfo(list);
}

struct task { struct resolver *resolver; struct name *name; };

/* The caller holds the lock, and this releases it. */
static void resolver_unref(struct resolver *r)
{
	bool last = --r->refs == 0;

	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void names_start(struct resolver *);

static void *name_thread(void *arg)
{
	struct task task = *(struct task *)arg;
	struct resolver *r = task.resolver;
	struct name answer;

	free(arg);
	/* No lock is needed: a name in this stage is neither freed nor changed. */
	name_ask(task.name->host, task.name->port, &answer);
	pthread_mutex_lock(&r->lock);
	r->running--;
	if (r->stopped) {
		name_free(task.name);
	} else {
		name_answer(task.name, &answer);
		names_start(r);
	}
	resolver_unref(r);
	return NULL;
}

static bool name_start(struct resolver *r, struct name *n)
{
	struct task *task = xmalloc(sizeof *task);
	pthread_attr_t how;
	pthread_t thread;

	*task = (struct task){ r, n };
	pthread_attr_init(&how);
	pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&how, STACK);
	n->stage = ASKING;
	r->refs++;
	r->running++;
	int rc = pthread_create(&thread, &how, name_thread, task);
	pthread_attr_destroy(&how);
	if (rc == 0)
		return true;
	n->stage = WAITING;
	r->refs--;
	r->running--;
	free(task);
	return false;
}

/* Starts threads for waiting names, the oldest first. A name whose thread cannot be created waits
 * for a running one to end. If none is running, its look-up fails. */
static void names_start(struct resolver *r)
{
	static const struct name no_thread = {
		.error = "the system has no thread for the look-up"
	};

	for (struct name *n = r->names; n && r->running < THREADS_MAX; n = n->next) {
		if (n->stage != WAITING || name_start(r, n))
			continue;
		if (r->running)
			return;
		name_answer(n, &no_thread);
	}
}

struct resolver *resolver_start(void)
{
	struct resolver *r = xcalloc(1, sizeof *r);

	pthread_mutex_init(&r->lock, NULL);
	r->refs = 1;
	r->last = &r->names;
	return r;
}

void resolver_stop(struct resolver *r)
{
	static const struct name stopped = { .error = "the program ends" };

	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	for (struct name *n = r->names, *next; n; n = next) {
		bool asking = n->stage == ASKING;
		next = n->next;
		name_answer(n, &stopped);
		if (!asking)
			name_free(n);   /* else its thread frees it */
	}
	r->names = NULL;
	resolver_unref(r);
}

/* ---- requests ---- */

/* Drops old results. The list stays short, one entry per name in use. So a scan is cheap. */
static void names_prune(struct resolver *r)
{
	vn_nsec now = clock_monotonic();
	struct name **at = &r->names;

	for (struct name *n; (n = *at);) {
		if (n->stage == ANSWERED && now - n->answered > VN_S) {
			*at = n->next;
			name_free(n);
		} else {
			at = &n->next;
		}
	}
	r->last = at;
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
	*r->last = n;
	r->last = &n->next;
	return n;
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
	*j = (struct lookup_job){ .mail.open = lookup_tell, .loop = loop, .lookup = l };
	l->job = j;
	pthread_mutex_lock(&r->lock);
	names_prune(r);
	struct name *n = name_of(r, a);
	if (n->stage == ANSWERED) {
		name_tell(n, j);
	} else {
		j->next = n->askers;
		n->askers = j;
		names_start(r);
	}
	pthread_mutex_unlock(&r->lock);
}

void lookup_cancel(struct lookup *l)
{
	if (l->job)
		l->job->lookup = NULL;
	l->job = NULL;
}
