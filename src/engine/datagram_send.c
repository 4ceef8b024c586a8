/* datagram_send.c - datagrams leave: collected, and sent by one call of the kernel. */
#include "engine/datagram_send.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void datagrams_lost(struct shard *p, enum datagram_loss why, uint64_t n)
{
	count_add(&p->stats.lost[why], n);
}

/* ---- the addresses of an answer ---- */

static void control_fill(struct outbox *o, struct msghdr *m, unsigned at, int level, int type,
                         const void *data, size_t n)
{
	struct cmsghdr *c = (struct cmsghdr *)o->control[at];

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n), .cmsg_level = level, .cmsg_type = type };
	memcpy(CMSG_DATA(c), data, n);
	m->msg_control = c;
	m->msg_controllen = CMSG_SPACE(n);
}

/* On a wildcard it leaves from the address that the client has asked. */
static void answer_address(struct outbox *o, struct msghdr *m, unsigned at, struct flow *f)
{
	struct flow_key *k = &f->key;
	bool v6 = k->client.any.sa_family == AF_INET6;

	m->msg_name = &k->client;
	m->msg_namelen = v6 ? sizeof k->client.in6 : sizeof k->client.in;
	if (!f->of->wildcard)
		return;
	if (v6) {
		struct in6_pktinfo from = { .ipi6_addr = k->local,
			                    .ipi6_ifindex = k->interface };
		control_fill(o, m, at, IPPROTO_IPV6, IPV6_PKTINFO, &from, sizeof from);
	} else {
		struct in_pktinfo from = { 0 };
		memcpy(&from.ipi_spec_dst, &k->local, sizeof from.ipi_spec_dst);
		control_fill(o, m, at, IPPROTO_IP, IP_PKTINFO, &from, sizeof from);
	}
}

/* ---- sending ---- */

void datagram_send(struct flow *f, enum vn_direction d, const uint8_t *bytes, size_t n)
{
	struct worker *w = flow_worker(f);
	struct outbox *o = &w->inbox->out;
	int fd = d == VN_REQUEST ? f->watch.fd : f->of->watch.fd;

	if (o->n && (o->fd != fd || o->n == DATAGRAM_BATCH))
		outbox_flush(w);
	unsigned at = o->n++;
	struct msghdr *m = &o->of[at].msg_hdr;
	o->fd = fd;
	o->direction = d;
	o->flows[at] = f;
	o->bytes[at] = (struct iovec){ (void *)bytes, n };
	*m = (struct msghdr){ .msg_iov = &o->bytes[at], .msg_iovlen = 1 };
	if (d == VN_RESPONSE)
		answer_address(o, m, at, f);
}

static void sent(struct outbox *o, unsigned at)
{
	struct flow *f = o->flows[at];
	struct stats *s = &f->of->shard->stats;
	bool answer = o->direction == VN_RESPONSE;
	size_t n = o->bytes[at].iov_len;

	f->way[answer].sent += n;
	stats_add(s, answer ? STAT_SENT_RESPONSE : STAT_SENT_REQUEST, n);
	stats_add(s, answer ? STAT_DATAGRAMS_RESPONSE : STAT_DATAGRAMS_REQUEST, 1);
}

static enum datagram_loss loss_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:   return LOSS_SOCKET;
	case EMSGSIZE: return LOSS_SIZE;
	default:       return LOSS_NETWORK;
	}
}

/* ECONNREFUSED is of an earlier datagram, and this one has not been tried. */
void outbox_flush(struct worker *w)
{
	struct outbox *o = w->inbox ? &w->inbox->out : NULL;
	unsigned at = 0, refusals = 0;

	while (o && at < o->n) {
		int n = sendmmsg(o->fd, o->of + at, o->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		struct shard *p = o->flows[at]->of->shard;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ECONNREFUSED && refusals++ < DATAGRAM_BATCH) {
			datagrams_lost(p, LOSS_REFUSED, 1);
			continue;
		}
		if (n < 0)
			datagrams_lost(p, loss_of(errno), 1);
		for (int i = 0; i < n; i++)
			sent(o, at + (unsigned)i);
		at += n < 0 ? 1 : (unsigned)n;
	}
	if (o)
		o->n = 0;
}
