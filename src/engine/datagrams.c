/* datagrams.c - the socket of a proxy on udp://: open, receiving, closed by a rule, stopped. */
#include "engine/datagrams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/datagram_flow.h"
#include "engine/datagram_pass.h"
#include "engine/datagram_rules.h"
#include "engine/datagram_send.h"
#include "net/socket.h"

enum {
	ROUNDS = 8,                     /* calls of recvmmsg() before others get their turn */
	BUCKETS_MAX = 1 << 16,
};

/* ---- receiving ---- */

/* The address that the client has asked, of what the kernel says beside a datagram. */
static void local_read(const struct datagrams *d, struct msghdr *m, struct flow_key *k)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c && d->wildcard; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof v4);
			memcpy(&k->local, &v4.ipi_spec_dst, sizeof v4.ipi_spec_dst);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof v6);
			k->local = v6.ipi6_addr;
			k->interface = IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr) ? v6.ipi6_ifindex : 0;
		}
	}
}

static int requests_receive(struct datagrams *d, struct inbox *in)
{
	for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
		in->bytes[i] = (struct iovec){ in->room[i], sizeof in->room[i] };
		in->of[i].msg_hdr = (struct msghdr){
			.msg_name = &in->from[i], .msg_namelen = sizeof in->from[i],
			.msg_iov = &in->bytes[i], .msg_iovlen = 1,
			.msg_control = in->control[i], .msg_controllen = sizeof in->control[i],
		};
	}
	int n;
	do
		n = recvmmsg(d->watch.fd, in->of, DATAGRAM_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && (errno == EINTR || errno == ECONNREFUSED));
	return n < 0 ? 0 : n;
}

static void request_take(struct datagrams *d, struct mmsghdr *m, uint8_t *bytes)
{
	struct flow_key k;
	struct stats *s = &d->shard->stats;

	memset(&k, 0, sizeof k);
	memcpy(&k.client, m->msg_hdr.msg_name,
	       m->msg_hdr.msg_namelen < sizeof k.client ? m->msg_hdr.msg_namelen :
	                                                  sizeof k.client);
	local_read(d, &m->msg_hdr, &k);
	stats_add(s, STAT_READS_REQUEST, 1);
	stats_add(s, STAT_READ_REQUEST, m->msg_len);
	struct flow *f = flow_get(d, &k);
	if (!f)
		return;
	f->way[0].came += m->msg_len;
	f->way[0].n++;
	flow_touch(f);
	datagrams_tick(d);
	datagram_pass(f, VN_REQUEST, bytes, m->msg_len);
	flow_check(f);
}

static void drops_count(struct datagrams *d)
{
	uint64_t now = socket_drops(d->watch.fd);

	if (now > d->drops)
		datagrams_lost(d->shard, LOSS_KERNEL, now - d->drops);
	d->drops = now;
}

/* Level-triggered: what is left is reported again. */
static void datagrams_ready(struct watch *w, unsigned events)
{
	struct datagrams *d = (struct datagrams *)w;
	struct worker *worker = d->shard->worker;
	struct inbox *in = worker->inbox;
	int n = DATAGRAM_BATCH;
	bool full = false;

	for (unsigned r = 0; r < ROUNDS && n == DATAGRAM_BATCH && d->watch.fd >= 0; r++) {
		n = requests_receive(d, in);
		full |= n == DATAGRAM_BATCH;
		if (n && d->shard->plan->n)
			loop_clock(&worker->loop);
		for (int i = 0; i < n; i++)
			request_take(d, &in->of[i], in->room[i]);
		outbox_flush(worker);
	}
	if (full)
		drops_count(d);
}

/* ---- the state that the rules want ---- */

/* A socket that is connected to itself gets nothing from clients: the kernel refuses them, and the
 * port stays ours. */
static bool port_close(struct datagrams *d)
{
	struct endpoint self = d->at;
	struct sockaddr_in *in = (struct sockaddr_in *)&self.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&self.addr;

	if (d->wildcard && d->v6)
		in6->sin6_addr = in6addr_loopback;
	else if (d->wildcard)
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(d->watch.fd, (struct sockaddr *)&self.addr, self.len) == 0;
}

static bool port_open(struct datagrams *d)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(d->watch.fd, &none, sizeof none) == 0;
}

static void datagrams_set_state(struct datagrams *d, enum vn_end state)
{
	const char *name = shard_spec(d->shard)->name;

	state = state == VN_CLOSE ? VN_CLOSE : VN_STAY;
	if (state == d->state || d->watch.fd < 0)
		return;
	d->state = state;
	if (!(state == VN_CLOSE ? port_close(d) : port_open(d)))
		log_error("proxy=%s: cannot %s the port: %s", name,
		          state == VN_CLOSE ? "close" : "open", strerror(errno));
	else
		log_info("proxy=%s: clients are %s", name,
		         state == VN_CLOSE ? "refused" : "accepted again");
	atomic_store_explicit(&d->shard->refuses, state == VN_CLOSE, memory_order_relaxed);
}

void datagrams_change(struct datagrams *d)
{
	loop_clock(&d->shard->worker->loop);
	datagrams_set_state(d, plan_listen(d->shard->plan, true));
	for (struct flow *f = d->shard->flows, *next; f; f = next) {
		next = f->next;
		flow_change_rules(f, d->shard->plan);
		flow_check(f);
	}
	timer_set(&d->shard->worker->loop, &d->idle, d->oldest ? 0 : VN_NEVER);
}

/* ---- start and stop ---- */

static struct datagrams *datagrams_make(struct shard *p)
{
	struct datagrams *d = xcalloc(1, sizeof *d);
	size_t buckets = 16;

	while (buckets < BUCKETS_MAX && buckets < (size_t)shard_spec(p)->sessions)
		buckets *= 2;
	d->shard = p;
	d->watch = (struct watch){ -1, datagrams_ready };
	d->table = xcalloc(buckets, sizeof *d->table);
	d->mask = buckets - 1;
	d->idle.fire = flows_expire;
	if (getrandom(d->hash, sizeof d->hash, GRND_NONBLOCK) < 0)
		d->hash[0] = (uint64_t)(uintptr_t)d;
	return d;
}

static void address_note(struct datagrams *d)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&d->at.addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&d->at.addr;

	d->at = (struct endpoint){ .len = sizeof d->at.addr };
	getsockname(d->watch.fd, (struct sockaddr *)&d->at.addr, &d->at.len);
	d->v6 = d->at.addr.ss_family == AF_INET6;
	d->wildcard = d->v6 ? IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) :
	                      in->sin_addr.s_addr == htonl(INADDR_ANY);
}

void datagrams_start(struct shard *p, int fd)
{
	struct worker *w = p->worker;
	struct datagrams *d = p->datagrams;

	if (!d)
		d = p->datagrams = datagrams_make(p);
	if (!w->inbox)
		w->inbox = xcalloc(1, sizeof *w->inbox);
	assert(d->watch.fd < 0);
	d->watch.fd = fd;
	d->state = VN_STAY;
	d->drops = 0;
	address_note(d);
	if (!loop_watch(&w->loop, &d->watch, EPOLLIN))
		log_error("proxy=%s: %s", shard_spec(p)->name, strerror(errno));
	datagrams_set_state(d, plan_listen(p->plan, true));
}

void datagrams_end_all(struct datagrams *d, enum close_reason why)
{
	while (d && d->shard->flows)
		flow_end(d->shard->flows, why);
}

void datagrams_stop(struct datagrams *d)
{
	if (!d)
		return;
	datagrams_end_all(d, CLOSE_REASON_SHUT);
	timer_stop(&d->shard->worker->loop, &d->idle);
	if (d->watch.fd >= 0)
		close(d->watch.fd);
	d->watch.fd = -1;
	atomic_store_explicit(&d->shard->refuses, false, memory_order_relaxed);
}

void datagrams_free(struct datagrams *d)
{
	if (!d)
		return;
	datagrams_stop(d);
	free(d->table);
	free(d);
}
