/* blackhole.c - sockets that drop all incoming packets, as if their machine were gone. */
#include "net/blackhole.h"

#include <linux/filter.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static bool possible;

bool blackhole_on(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

void blackhole_off(int fd)
{
	int none = 0;

	setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none);
}

static void probe(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	possible = fd >= 0 && blackhole_on(fd);
	if (fd >= 0)
		close(fd);
}

bool blackhole_possible(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, probe);
	return possible;
}
