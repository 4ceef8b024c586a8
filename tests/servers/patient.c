/*
 * patient.c - loaded into a program by LD_PRELOAD: its poll() waits at least $POLL_AT_LEAST
 * milliseconds. libmemcached's tools give up after five seconds, and have no option for that.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	const char *least = getenv("POLL_AT_LEAST");
	if (timeout < 0)
		return ppoll(fds, n, NULL, NULL);
	if (timeout > 0 && least && atoi(least) > timeout)
		timeout = atoi(least);
	return ppoll(fds, n, &(struct timespec){ timeout / 1000, timeout % 1000 * 1000000L }, NULL);
}
