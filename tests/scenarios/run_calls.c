/* run_calls.c - connects in all the ways that programs do: the callers of test_run.py.
 *
 *   run_calls CASE HOST PORT [N]
 *
 * Prints one line per case, as Python's words or errno's names. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
} to;
static socklen_t to_len;
static const char *host;
static int port, many = 1;

static const char *name_of(int result)
{
	return result == 0 ? "0" : strerrorname_np(errno);
}

static void address_set(void)
{
	memset(&to, 0, sizeof to);
	if (*host == '/' || *host == '.') {
		to.un.sun_family = AF_UNIX;
		strcpy(to.un.sun_path, host);
		to_len = sizeof to.un;
	} else if (strchr(host, ':')) {
		to.in6.sin6_family = AF_INET6;
		to.in6.sin6_port = htons((uint16_t)port);
		assert(inet_pton(AF_INET6, host, &to.in6.sin6_addr) == 1);
		to_len = sizeof to.in6;
	} else {
		to.in.sin_family = AF_INET;
		to.in.sin_port = htons((uint16_t)port);
		assert(inet_pton(AF_INET, host, &to.in.sin_addr) == 1);
		to_len = sizeof to.in;
	}
}

static int make(int flags)
{
	int fd = socket(to.any.sa_family, SOCK_STREAM | flags, 0);

	assert(fd >= 0);
	return fd;
}

/* Sends bytes of its own and compares what comes back: the backend echoes. */
static int echo(int fd, unsigned seed)
{
	unsigned char out[600], in[600];
	size_t n = 1 + seed % sizeof out, got = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(seed * 31 + i * 7);
	if (write(fd, out, n) != (ssize_t)n)
		return 0;
	while (got < n) {
		ssize_t r = read(fd, in + got, n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return 0;
		got += (size_t)r;
	}
	return !memcmp(in, out, n);
}

static int connect_fully(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int error = 0;
	socklen_t n = sizeof error;
	int rc = connect(fd, &to.any, to_len);

	if (rc == 0 || errno != EINPROGRESS)
		return rc;
	while (poll(&p, 1, 10000) < 0 && errno == EINTR)
		;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
	errno = error;
	return error ? -1 : 0;
}

/* ---- plain ---- */

static void plain(void)
{
	int fd = make(0), rc = connect_fully(fd);

	printf("%s", name_of(rc));
	printf(rc == 0 ? " echo=%d\n" : "\n", rc == 0 && echo(fd, 77));
}

static void nonblocking(void)
{
	int fd = make(SOCK_NONBLOCK);
	const char *first = name_of(connect(fd, &to.any, to_len));
	struct pollfd p = { fd, POLLOUT, 0 };
	int n = poll(&p, 1, 10000);

	printf("%s poll=%d %s ", first, n, name_of(connect(fd, &to.any, to_len)));
	printf("%s ", name_of(connect(fd, &to.any, to_len)));
	fcntl(fd, F_SETFL, 0);
	printf("echo=%d\n", echo(fd, 5));
}

static void again(void)
{
	int fd = make(0);
	const char *first = name_of(connect(fd, &to.any, to_len));

	printf("%s %s echo=%d\n", first, name_of(connect(fd, &to.any, to_len)), echo(fd, 9));
}

/* A socket whose connect has failed may be used again. */
static void retry(void)
{
	int fd = make(0), rc = 0;

	for (int i = 0; i < many; i++)
		printf("%s ", name_of(rc = connect(fd, &to.any, to_len)));
	printf("\n");
}

static void wrong(void)
{
	int fd = make(0), pipes[2];
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	assert(pipe(pipes) == 0);
	printf("%s ", name_of(connect(fd, &none, sizeof none)));
	printf("%s ", name_of(connect(fd, (void *)16, to_len)));
	printf("%s ", name_of(connect(fd, &to.any, 3)));
	printf("%s ", name_of(connect(pipes[0], &to.any, to_len)));
	printf("%s\n", name_of(connect(999, &to.any, to_len)));
}

/* What was set on the socket before is still there. */
static void kept(void)
{
	int fd = make(SOCK_NONBLOCK), on = 1, twin = dup(fd), got = 0, epoll = epoll_create1(0);
	socklen_t n = sizeof got;
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET, .data.u32 = 7 };

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	connect(fd, &to.any, to_len);
	assert(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
	int ready = epoll_wait(epoll, &e, 1, 10000);
	getsockopt(twin, IPPROTO_TCP, TCP_NODELAY, &got, &n);
	printf("epoll=%d/%u nodelay=%d flags=%d ", ready, e.data.u32, got,
	       !!(fcntl(twin, F_GETFL) & O_NONBLOCK));
	fcntl(fd, F_SETFL, 0);
	printf("echo=%d\n", echo(twin, 3));
}

static void bound(void)
{
	int fd = make(0);
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in6 from6 = { .sin6_family = AF_INET6 };

	inet_pton(AF_INET, "127.0.0.9", &from.sin_addr);
	from6.sin6_addr = in6addr_loopback;
	if (to.any.sa_family == AF_INET)
		assert(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
	else
		assert(bind(fd, (struct sockaddr *)&from6, sizeof from6) == 0);
	int rc = connect(fd, &to.any, to_len);
	printf("%s", name_of(rc));
	printf(" echo=%d\n", rc == 0 && echo(fd, 4));
}

static void device(void)
{
	int fd = make(0);

	printf("%s ", name_of(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "dummy7", 7)));
	printf("%s\n", name_of(connect(fd, &to.any, to_len)));
}

static void v6only(void)
{
	int fd = make(0), on = 1;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	int rc = connect(fd, &to.any, to_len);
	printf("%s", name_of(rc));
	printf(" echo=%d\n", rc == 0 && echo(fd, 4));
}

static void send_timeout(void)
{
	int fd = make(0);
	struct timeval t = { 0, many * 1000 };
	struct timespec a, b;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
	clock_gettime(CLOCK_MONOTONIC, &a);
	int rc = connect(fd, &to.any, to_len);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%s %ld", name_of(rc),
	       (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
	printf(" echo=%d\n", rc == 0 && echo(fd, 4));
}

static void fast_open(void)
{
	int fd = make(0);
	struct iovec v = { "hello", 5 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = to_len, .msg_iov = &v,
	                    .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };
	int on = 1;

	printf("%s ", name_of(sendto(fd, "hello", 5, MSG_FASTOPEN, &to.any, to_len) < 0 ? -1 : 0));
	printf("%s ", name_of(sendmsg(fd, &m, MSG_FASTOPEN) < 0 ? -1 : 0));
	printf("%s ", name_of(sendmmsg(fd, &mm, 1, MSG_FASTOPEN) < 0 ? -1 : 0));
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
	printf("%s", name_of(connect(fd, &to.any, to_len)));
	printf(" echo=%d\n", echo(fd, 6));
}

static void uring(void)
{
	char params[120] = { 0 };
	long rc = syscall(425, 4, params);

	printf("%s\n", name_of(rc < 0 ? -1 : 0));
}

static void udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), brief = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in other = to.in;

	other.sin_port = htons((uint16_t)(port + 1));
	connect(brief, (struct sockaddr *)&other, sizeof other);
	close(brief);
	printf("%s\n", name_of(connect(fd, &to.any, to_len)));
	fflush(stdout);
	usleep(400000);
}

/* ---- threads and processes ---- */

static _Atomic int good;

static void *many_connects(void *arg)
{
	for (int i = 0; i < many; i++) {
		int fd = make(i % 2 ? SOCK_NONBLOCK : 0);
		if (connect_fully(fd) == 0) {
			fcntl(fd, F_SETFL, 0);
			good += echo(fd, (unsigned)((uintptr_t)arg * 1000 + (unsigned)i));
		}
		close(fd);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t t[8];

	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, many_connects, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	printf("%d\n", good);
}

static void forks(void)
{
	int ok = 0, status;

	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			many_connects((void *)(uintptr_t)i);
			_exit(good == many);
		}
	while (wait(&status) > 0)
		ok += WEXITSTATUS(status);
	printf("%d\n", ok);
}

static void *after_leader(void *arg)
{
	usleep(100000);
	plain();
	exit(0);
}

static void leader_gone(void)
{
	pthread_t t;

	pthread_create(&t, NULL, after_leader, NULL);
	pthread_exit(NULL);
}

/* Its descriptors are not those of its process. */
static void *own_files(void *arg)
{
	int rc = unshare(CLONE_FILES);

	assert(rc == 0);
	close(*(int *)arg);
	plain();
	return NULL;
}

static void unshared(void)
{
	pthread_t t;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	pthread_create(&t, NULL, own_files, &fd);
	pthread_join(t, NULL);
}

static void orphan(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			usleep((useconds_t)many * 1000);
			plain();
			fflush(stdout);
		}
		_exit(0);
	}
	wait(NULL);
}

static void undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	plain();
}

/* ---- signals ---- */

static _Atomic int ticks;

static void tick(int signal)
{
	ticks++;
}

/* Under a timer of 1 ms, `many` connects, which must all succeed. */
static void timer(void)
{
	struct sigaction a = { .sa_handler = tick, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	int ok = 0;

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < many; i++) {
		int fd = make(i % 2 ? SOCK_NONBLOCK : 0);
		int rc = connect_fully(fd);
		if (rc == 0)
			ok++;
		else
			fprintf(stderr, "%s\n", name_of(rc));
		close(fd);
	}
	printf("%d %d\n", ok, ticks > 0);
}

/* ---- 32-bit ---- */

#ifdef __x86_64__
static long old_call(long nr, long a, long b, long c)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(nr), "b"(a), "c"(b), "d"(c)
	                 : "memory", "r8", "r9", "r10", "r11");
	return rc;
}

static void call32(void)
{
	struct { uint32_t words[3]; char address[128]; } *low =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int one = make(0), two = make(0);

	memcpy(low->address, &to, to_len);
	long rc = old_call(362, one, (long)low->address, to_len);
	printf("%ld echo=%d ", rc, rc == 0 && echo(one, 8));
	low->words[0] = (uint32_t)two;
	low->words[1] = (uint32_t)(uintptr_t)low->address;
	low->words[2] = to_len;
	rc = old_call(102, 3, (long)low->words, 0);
	printf("%ld echo=%d\n", rc, rc == 0 && echo(two, 8));
}
#else
static void call32(void)
{
	printf("0 echo=1 0 echo=1\n");
}
#endif

#define CASE(name) { #name, name }

static const struct { const char *name; void (*run)(void); } cases[] = {
	CASE(plain), CASE(nonblocking), CASE(again), CASE(retry), CASE(wrong), CASE(kept),
	CASE(bound), CASE(device), CASE(v6only), CASE(send_timeout), CASE(fast_open), CASE(uring),
	CASE(udp), CASE(threads), CASE(forks), CASE(leader_gone), CASE(unshared), CASE(orphan),
	CASE(undumpable), CASE(timer), CASE(call32),
};

int main(int argc, char **argv)
{
	host = argv[2];
	port = argc > 3 ? atoi(argv[3]) : 0;
	many = argc > 4 ? atoi(argv[4]) : 1;
	address_set();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return 0;
		}
	fprintf(stderr, "unknown case %s\n", argv[1]);
	return 2;
}
