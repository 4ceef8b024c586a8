/* unmapped.c - addresses that servers told, and before which no proxy stands: what became of them.
 */
#include "engine/unmapped.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/bind.h"

const char *const unmapped_fates[UNMAPPED_FATES] = {
	[UNMAPPED_PASSED] = "passed",
	[UNMAPPED_HIDDEN] = "hidden",
	[UNMAPPED_ADDING] = "added",
	[UNMAPPED_ADDED]  = "added",
};

void unmapped_init(struct unmapped *u)
{
	*u = (struct unmapped){ .all = xcalloc(UNMAPPED_MAX, sizeof *u->all) };
	pthread_mutex_init(&u->lock, NULL);
}

void unmapped_free(struct unmapped *u)
{
	pthread_mutex_destroy(&u->lock);
	free(u->all);
}

struct unmapped_address *unmapped_note(struct unmapped *u, const struct telling *t,
                                       enum unmapped_news *news)
{
	for (size_t i = 0; i < u->n; i++) {
		struct unmapped_address *a = &u->all[i];
		if (a->proxy != t->proxy || strcmp(a->key, t->key))
			continue;
		*news = a->stamp != t->stamp ? UNMAPPED_AGAIN : UNMAPPED_COUNTED;
		a->times += *news == UNMAPPED_AGAIN;
		a->stamp = t->stamp;
		return a;
	}
	*news = UNMAPPED_FIRST;
	if (u->n == UNMAPPED_MAX) {
		u->beyond++;
		return NULL;
	}
	struct unmapped_address *a = &u->all[u->n++];
	*a = (struct unmapped_address){ .proxy = t->proxy, .protocol = t->protocol, .times = 1,
		                        .stamp = t->stamp };
	strcpy(a->key, t->key);
	return a;
}

static int number_compare(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void unmapped_count(struct unmapped *u, const unsigned *proxies, size_t n,
                    size_t (*told)[UNMAPPED_FATES])
{
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++) {
		const struct unmapped_address *a = &u->all[i];
		const unsigned *of =
			bsearch(&a->proxy, proxies, n, sizeof *proxies, number_compare);
		if (of)
			told[of - proxies][a->fate]++;
	}
	pthread_mutex_unlock(&u->lock);
}

/* The same address, told by another proxy's server and being added for it. */
static const struct unmapped_address *being_added(const struct unmapped *u,
                                                  const struct unmapped_address *like)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct unmapped_address *a = &u->all[i];
		if (a->fate == UNMAPPED_ADDING && a->protocol == like->protocol &&
		    !strcmp(a->key, like->key))
			return a;
	}
	return NULL;
}

/* The same host, any port. A unix socket has none: loopback, then. */
static struct endpoint any_port(const struct endpoint *like)
{
	struct endpoint at = *like;
	struct sockaddr_in *in = (struct sockaddr_in *)&at.addr;

	if (at.addr.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&at.addr)->sin6_port = 0;
		return at;
	}
	if (at.addr.ss_family == AF_INET) {
		in->sin_port = 0;
		return at;
	}
	at = (struct endpoint){ .len = sizeof *in };
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

int unmapped_add(struct unmapped *u, struct unmapped_address *a, const struct endpoint *like,
                 int64_t backlog)
{
	const struct unmapped_address *twin = being_added(u, a);
	struct endpoint at = any_port(like);

	if (twin) {
		a->fate = UNMAPPED_ADDED;
		a->at = twin->at;
		return 0;
	}
	if (u->added >= u->most)
		return ENOSPC;
	struct addition *ask = xmalloc(sizeof *ask);
	*ask = (struct addition){ .mail.open = u->add, .table = u, .proxy = a->proxy };
	ask->fd = bind_listen(&at, backlog, &ask->at);
	if (ask->fd < 0) {
		int error = -ask->fd;
		free(ask);
		return error;
	}
	u->added++;
	a->fate = UNMAPPED_ADDING;
	a->at = ask->at;
	a->made = 0;
	strcpy(ask->backend, a->key);
	loop_post(u->control, &ask->mail);
	return 0;
}

void unmapped_made(struct unmapped *u, const struct addition *ask, unsigned made)
{
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++) {
		struct unmapped_address *a = &u->all[i];
		if (a->proxy != ask->proxy || a->fate != UNMAPPED_ADDING ||
		    strcmp(a->key, ask->backend))
			continue;
		a->made = made;
		if (!made)
			a->fate = UNMAPPED_PASSED;
	}
	u->added -= !made;
	pthread_mutex_unlock(&u->lock);
}

void unmapped_settled(struct unmapped *u, unsigned made)
{
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++)
		if (u->all[i].made == made)
			u->all[i].fate = UNMAPPED_ADDED;
	pthread_mutex_unlock(&u->lock);
}

void unmapped_forget(struct unmapped *u, unsigned proxy)
{
	size_t kept = 0;

	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->n; i++) {
		struct unmapped_address *a = &u->all[i];
		u->added -= a->made == proxy;
		bool gone = a->made == proxy;
		if (gone || (a->proxy == proxy && !a->made && a->fate != UNMAPPED_ADDING))
			continue;
		u->all[kept++] = *a;
	}
	u->n = kept;
	pthread_mutex_unlock(&u->lock);
}
