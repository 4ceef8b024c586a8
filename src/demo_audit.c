/* demo_audit.c - the end of `vaurien demo`: an audit of a small application.
 *
 * The application has two pages: the front page needs nothing, and /hello asks the database. It
 * keeps connections for reuse, as a pool does, and its requests have no time-out. So the audit has
 * something to find. A thread serves one request. */
#include "demo_audit.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo_wire.h"

enum { POOL = 8 };

static struct {
	pthread_mutex_t lock;
	int port;                       /* of the proxy */
	int fds[POOL], n;               /* idle connections */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int pool_take(struct result *result)
{
	int fd = -1;

	pthread_mutex_lock(&pool.lock);
	if (pool.n)
		fd = pool.fds[--pool.n];
	pthread_mutex_unlock(&pool.lock);
	if (fd >= 0)
		return fd;
	*result = (struct result){ .outcome = NOTHING };
	fd = client_connect(pool.port, result);
	if (fd >= 0 && result->outcome == REPLIED)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void pool_give(int fd)
{
	pthread_mutex_lock(&pool.lock);
	bool room = pool.n < POOL;
	if (room)
		pool.fds[pool.n++] = fd;
	pthread_mutex_unlock(&pool.lock);
	if (!room)
		close(fd);
}

static bool hello(struct result *result)
{
	int fd = pool_take(result);

	if (fd < 0)
		return false;
	set_timeout(fd, 0);             /* the mistake */
	*result = (struct result){ .outcome = NOTHING };
	if (SEND(fd, 0, "\3SELECT 'hello'"))
		client_read(fd, result);
	if (result->outcome != REPLIED) {
		close(fd);
		return false;
	}
	pool_give(fd);
	return true;
}

/* ---- the pages ---- */

static void reply(int fd, const char *status, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
	                 "Connection: close\r\n\r\n%s", status, strlen(body), body);

	send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void *page_serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[1024] = "";
	struct result result;

	if (recv(fd, request, sizeof request - 1, 0) <= 0)
		;
	else if (strncmp(request, "GET /hello ", 11) != 0)
		reply(fd, "200 OK", "a page without the database");
	else if (hello(&result))
		reply(fd, "200 OK", result.text);
	else
		reply(fd, "500 Internal Server Error", result.text);
	close(fd);
	return NULL;
}

static _Noreturn void application_run(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, page_serve, (void *)(intptr_t)fd) != 0)
			close(fd);
		else
			pthread_detach(thread);
	}
}

/* ---- the audit ---- */

static int audit_run(int http_port, int app_port)
{
	char attach[64], front[64], page[64];

	snprintf(attach, sizeof attach, "http://127.0.0.1:%d", http_port);
	snprintf(front, sizeof front, "front=http://127.0.0.1:%d/", app_port);
	snprintf(page, sizeof page, "hello=http://127.0.0.1:%d/hello", app_port);
	const char *args[] = {
		"vaurien", "audit", "--attach", attach, "--probe", front, "--probe", page,
		"--faults", "blackout,hang", "--fault-time", "2s", "--hang-time", "4s",
		"--baseline", "1s", "--probe-every", "200ms", "--probe-timeout", "1500ms",
		"--recover-within", "3s", "--give-up", "5s", "--aftermath", "500ms",
		"--run-limit", "1m", NULL,
	};
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv("/proc/self/exe", (char *const *)args);
		_exit(4);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

bool demo_audit(int proxy_port, int http_port)
{
	int app_port, listener = listen_anywhere(&app_port);
	pid_t parent = getpid();

	printf("\nAn application with two pages; hello asks that database. What do faults do to it?"
	       " vaurien audit:\n\n");
	fflush(stdout);
	pid_t application = fork();
	if (application == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		pool.port = proxy_port;
		if (getppid() == parent)
			application_run(listener);
		_exit(1);
	}
	int code = audit_run(http_port, app_port);
	close(listener);
	if (application > 0 && kill(application, SIGTERM) == 0)
		waitpid(application, NULL, 0);
	return code == 1;               /* the page hangs, and that is a failure */
}
