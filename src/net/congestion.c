/* congestion.c - choice of congestion control for sockets to this machine.
 *
 * bbr, the default of some systems, paces even on loopback and halves the throughput there. reno
 * needs no privileges. */
#include "net/congestion.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net/socket.h"

bool congestion_paces(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_congestion_control", O_RDONLY | O_CLOEXEC);
	char name[32] = "";
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof name - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 && strncmp(name, "cubic", 5) && strncmp(name, "reno", 4);
}

void congestion_reno(int fd)
{
	struct endpoint e;

	if (socket_peer(fd, &e) && endpoint_loopback(&e))
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}
