/* udp.c - roles of the benchmark that send datagrams.
 *
 * An echo, and a client with a window of datagrams on their way: what is lost is sent again after a
 * time, and counted. With words they ask and answer: the answer begins with the number of what was
 * asked. */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, SIZE = 64, MOST = 512, NUMBER = 2, ROOM = 4 << 20 };

static void room_take(int fd)
{
	int room = ROOM;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}

static struct bytes word_read(int argc, char **argv, int at)
{
	struct bytes none = { NULL, 0 }, word = argc > at ? hex_read(argv[at]) : none;

	if (word.p && (word.n < NUMBER || word.n > MOST))
		give_up("a word has 2 to 512 bytes");
	return word;
}

int udp_echo_run(int argc, char **argv)
{
	struct bytes word = word_read(argc, argv, 1);
	static uint8_t bytes[BATCH][2048];
	struct sockaddr_in from[BATCH], own = { .sin_family = AF_INET,
		                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec at[BATCH];
	struct mmsghdr m[BATCH];
	socklen_t len = sizeof own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, len) ||
	    getsockname(fd, (struct sockaddr *)&own, &len))
		give_up("bind");
	room_take(fd);
	printf("%d\n", ntohs(own.sin_port));
	fflush(stdout);
	for (;;) {
		for (unsigned i = 0; i < BATCH; i++) {
			at[i] = (struct iovec){ bytes[i], sizeof bytes[i] };
			m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
				                        .msg_namelen = sizeof from[i],
				                        .msg_iov = &at[i], .msg_iovlen = 1 };
		}
		int n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			at[i].iov_len = word.p ? word.n : m[i].msg_len;
			if (word.p)
				memcpy(bytes[i] + NUMBER, word.p + NUMBER, word.n - NUMBER);
		}
		if (n > 0)
			sendmmsg(fd, m, (unsigned)n, 0);
	}
}

/* Sends `n` more. */
static void datagrams_send(int fd, unsigned n, struct bytes word)
{
	static uint8_t bytes[BATCH][MOST];
	static uint16_t number;
	struct iovec at[BATCH];
	struct mmsghdr m[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		at[i] = (struct iovec){ bytes[i], word.p ? word.n : SIZE };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &at[i], .msg_iovlen = 1 };
	}
	while (n) {
		for (unsigned i = 0; word.p && i < BATCH && i < n; i++) {
			memcpy(bytes[i], word.p, word.n);
			memcpy(bytes[i], &number, NUMBER);
			number++;
		}
		int done = sendmmsg(fd, m, n < BATCH ? n : BATCH, 0);
		if (done <= 0)
			return;
		n -= (unsigned)done;
	}
}

static unsigned datagrams_take(int fd)
{
	static uint8_t bytes[BATCH][MOST];
	struct iovec at[BATCH];
	struct mmsghdr m[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		at[i] = (struct iovec){ bytes[i], MOST };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &at[i], .msg_iovlen = 1 };
	}
	int n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	return n < 0 ? 0 : (unsigned)n;
}

int udp_run(int argc, char **argv)
{
	if (argc < 4)
		give_up("udp: expected PLACE WINDOW SECONDS");
	struct place place = place_read(argv[1]);
	unsigned window = (unsigned)atoi(argv[2]);
	double seconds = atof(argv[3]);
	struct bytes word = word_read(argc, argv, 4);
	struct pollfd p = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN };
	uint64_t done = 0, lost = 0;
	unsigned open = 0;
	nsec begun = now(), end = begun + (nsec)(seconds * NSEC_S);

	if (p.fd < 0 || connect(p.fd, (const struct sockaddr *)&place.at, sizeof place.at))
		give_up("connect");
	room_take(p.fd);
	while (now() < end) {
		datagrams_send(p.fd, window - open, word);
		open = window;
		if (poll(&p, 1, 200) == 0) {
			lost += open;
			open = 0;
			continue;
		}
		unsigned n = datagrams_take(p.fd);
		done += n;
		open -= n < open ? n : open;
	}
	printf("ops=%llu rate=%.1f lost=%llu\n", (unsigned long long)done,
	       (double)done * NSEC_S / (double)(now() - begun), (unsigned long long)lost);
	close(p.fd);
	return 0;
}
