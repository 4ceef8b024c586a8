/* connects.c - what a connect() costs.
 *
 *   connects HOST PORT N     connects N times; prints microseconds, as JSON
 *   connects HOST            a server that closes what it accepts; prints its port first */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int serve(struct sockaddr_in at)
{
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&at, n) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&at, &n))
		return 1;
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;)
		close(accept(fd, NULL, NULL));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	inet_pton(AF_INET, argv[1], &to.sin_addr);
	if (argc == 2)
		return serve(to);
	int n = atoi(argv[3]), failed = 0;
	double *took = calloc((size_t)n, sizeof *took), sum = 0;

	to.sin_port = htons((unsigned short)atoi(argv[2]));
	for (int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		double began = now();
		failed += connect(fd, (struct sockaddr *)&to, sizeof to) != 0;
		took[i] = now() - began;
		sum += took[i];
		struct linger reset = { 1, 0 };
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
	}
	qsort(took, (size_t)n, sizeof *took, order);
	printf("{\"min\": %.1f, \"median\": %.1f, \"mean\": %.1f, \"failed\": %d}\n", took[0],
	       took[n / 2], sum / n, failed);
	return failed > 0;
}
