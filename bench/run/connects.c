/* connects.c - what a connect() costs: connects HOST PORT N prints microseconds, as JSON. */
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

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int n = atoi(argv[3]), failed = 0;
	double *took = calloc((size_t)n, sizeof *took), sum = 0;

	to.sin_port = htons((unsigned short)atoi(argv[2]));
	inet_pton(AF_INET, argv[1], &to.sin_addr);
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
