/* demo.c - `vaurien demo`: shows what a client sees under every behavior, and then audits a small
 * application: see demo_audit.c.
 *
 * Backend, proxy and client are one program: backend and proxy are child processes, the parent
 * is the client. Backend and client know of MySQL what a login and a SELECT need. A row of
 * `stages` is a line of the show. */
#include "demo.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/settings_read.h"
#include "daemon.h"
#include "demo_audit.h"
#include "demo_wire.h"

enum action { ASK, WAIT, CONNECT, IDLE };                       /* what it does */

static const struct stage {
	const char *command;            /* arguments of vaurienctl set-behavior; "": no change */
	const char *json;               /* the same for PUT /behavior; NULL: no change */
	enum action action;
	enum outcome outcome;           /* what the client should see ... */
	const char *text;               /* ... with this text in it ... */
	double soonest, latest;         /* ... after so many seconds */
} stages[] = {
	{ "dummy", "{\"name\": \"dummy\"}", ASK, REPLIED, "hello", 0, 1 },
	{ "delay --sleep 300ms", "{\"name\": \"delay\", \"sleep\": \"300ms\"}",
	  ASK, REPLIED, "hello", 0.3, 1.3 },
	{ "error --failure deadlock", "{\"name\": \"error\", \"failure\": \"deadlock\"}",
	  ASK, FAILED, "1213", 0, 1 },
	{ "error --failure too_many_connections",
	  "{\"name\": \"error\", \"failure\": \"too_many_connections\"}",
	  CONNECT, FAILED, "1040", 0, 1 },
	{ "transient --agitate 2", "{\"name\": \"transient\", \"agitate\": 2}",
	  ASK, FAILED, "", 0, 1 },
	{ "", NULL, ASK, FAILED, "", 0, 1 },
	{ "", NULL, ASK, REPLIED, "hello", 0, 1 },
	{ "hang", "{\"name\": \"hang\"}", ASK, NOTHING, "", 0.7, 1.7 },
	{ "dummy", "{\"name\": \"dummy\"}", WAIT, REPLIED, "hello", 0, 1 },
	{ "abort", "{\"name\": \"abort\"}", ASK, FINISHED, "", 0, 1 },
	{ "blackout", "{\"name\": \"blackout\"}", IDLE, WAS_RESET, "", 0, 1 },
	{ "", NULL, CONNECT, WAS_RESET, "", 0, 1 },
	{ "dummy", "{\"name\": \"dummy\"}", CONNECT, REPLIED, "logged in", 0, 1 },
	{ "", NULL, ASK, REPLIED, "hello", 0, 1 },
};

static const char *const actions[] = {
	[ASK] = "asks", [WAIT] = "waits on", [CONNECT] = "connects", [IDLE] = "is idle",
};

struct show {
	int backend_port, proxy_port, http_port;
	int listener;                   /* the backend's */
	pid_t backend, proxy;
	int fd, spare;                  /* the client's connection; one that idles as in a pool */
};

/* ---- the backend: greets, lets everyone in, says hello ---- */

#define GREETING "\x0a" "11.0-demo\0" "\1\0\0\0" "12345678\0" "\x09\xa2" "\x21" "\2\0" \
	"\x08\0" "\x15" \
	"\0\0\0\0\0\0\0\0\0\0" "123456789012\0" "mysql_native_password\0"
#define OK      "\0\0\0\2\0\0\0"
#define END     "\xfe\0\0\2\0"
#define COLUMN  "\3def\0\0\0\5hello\0\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0"

static bool backend_answer(int fd, const struct packet *command)
{
	if (command->bytes[0] != 3 || strncmp((const char *)command->bytes + 1, "SELECT", 6) != 0)
		return SEND(fd, 1, OK);
	return SEND(fd, 1, "\1") && SEND(fd, 2, COLUMN) && SEND(fd, 3, END) &&
		SEND(fd, 4, "\5hello") && SEND(fd, 5, END);
}

static void *backend_serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct packet p;
	bool on = SEND(fd, 0, GREETING) && packet_read(fd, &p)
		&& SEND(fd, (uint8_t)(p.seq + 1), OK);
	while (on && packet_read(fd, &p) && p.bytes[0] != 1)
		on = backend_answer(fd, &p);
	close(fd);
	return NULL;
}

static void backend_run(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (pthread_create(&thread, NULL, backend_serve, (void *)(intptr_t)fd) != 0)
			close(fd);
		else
			pthread_detach(thread);
	}
}

/* ---- the proxy: the whole program, with a command line of the demo's ---- */

static int proxy_run(const struct show *show)
{
	char proxy[32], backend[32], port[16];
	snprintf(proxy, sizeof(proxy), "127.0.0.1:%d", show->proxy_port);
	snprintf(backend, sizeof(backend), "127.0.0.1:%d", show->backend_port);
	snprintf(port, sizeof(port), "%d", show->http_port);
	const char *args[] = {
		"vaurien", "--protocol", "mysql", "--proxy", proxy, "--backend", backend,
		"--proxy-name", "db",
		"--http", "--http-host", "127.0.0.1", "--http-port", port,
		"--log-output", "/dev/null", NULL,
	};
	struct settings settings;
	int rc = settings_read(&settings, (int)(sizeof(args) / sizeof(args[0])) - 1, (char **)args);
	if (rc >= 0)
		return rc;
	rc = daemon_run(&settings);
	settings_free(&settings);
	return rc;
}

/* True: the control API replied 200. */
static bool put_behavior(int http_port, const char *json)
{
	char text[512];
	int fd = connect_to(http_port);
	if (fd < 0)
		return false;
	set_timeout(fd, 3);
	int n = snprintf(text, sizeof(text), "PUT /behavior HTTP/1.1\r\nHost: localhost\r\n"
	                 "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", strlen(json), json);
	bool sent = send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
	ssize_t got = sent ? recv(fd, text, 12, MSG_WAITALL) : -1;
	close(fd);
	return got == 12 && memcmp(text, "HTTP/1.1 200", 12) == 0;
}

/* ---- the client ---- */

static const char *connection_end(int fd)
{
	char byte;
	if (fd < 0)
		return "none";
	poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20);
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return "open";
	return n == 0 ? "closed (FIN)" : "reset (RST)";
}

static void client_act(struct show *show, const struct stage *stage, struct result *s)
{
	int fd = stage->action == IDLE ? show->spare : show->fd;
	vn_nsec start = clock_monotonic();
	if (stage->action == CONNECT) {
		fd = client_connect(show->proxy_port, s);
		if (s->outcome == REPLIED) {
			close(show->fd);
			show->fd = fd;
		}
	} else {
		set_timeout(fd, stage->outcome == NOTHING ? stage->soonest : 3);
		if (stage->action == ASK && !SEND(fd, 0, "\3SELECT 'hello'"))
			result_end(s);
		else
			client_read(fd, s);
	}
	s->seconds = (double)(clock_monotonic() - start) / 1e9;
	/* The kernel reports a reset once: connection_end() would not see it again. */
	s->connection = s->outcome == WAS_RESET ? "reset (RST)" : connection_end(fd);
	if (fd >= 0 && fd != show->fd && fd != show->spare)
		close(fd);
}

/* ---- the show ---- */

static bool stage_fits(const struct stage *stage, const struct result *s)
{
	return s->outcome == stage->outcome && strstr(s->text, stage->text) &&
		s->seconds >= stage->soonest - 0.005 && s->seconds <= stage->latest;
}

static bool stage_play(struct show *show, const struct stage *stage)
{
	struct result s = { .outcome = NOTHING };
	bool fits = !stage->json || put_behavior(show->http_port, stage->json);
	client_act(show, stage, &s);
	fits = stage_fits(stage, &s) && fits;
	if (strlen(s.text) > 44)
		strcpy(s.text + 41, "...");
	printf("%-37s %-9s %-45s %7.3f s  %s%s\n", stage->command, actions[stage->action],
	       s.text, s.seconds, s.connection, fits ? "" : " <- not what it should be");
	fflush(stdout);
	return fits;
}

static pid_t begin(const struct show *show, int (*run)(const struct show *))
{
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(getppid() == parent ? run(show) : 1);
	}
	return pid;
}

static int backend_main(const struct show *show)
{
	backend_run(show->listener);
	return 0;
}

static void finish(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGTERM) == 0)
		waitpid(pid, NULL, 0);
}

/* Start both children, and connect the client twice. */
static bool show_begin(struct show *show)
{
	struct result s;
	show->listener = listen_anywhere(&show->backend_port);
	int one = listen_anywhere(&show->proxy_port), two = listen_anywhere(&show->http_port);
	close(one);                     /* the kernel does not give the port to others so soon */
	close(two);
	show->backend = begin(show, backend_main);
	show->proxy = begin(show, proxy_run);
	for (int tries = 0; !put_behavior(show->http_port, stages[0].json); tries++) {
		if (tries == 500 || waitpid(show->proxy, NULL, WNOHANG) != 0) {
			fprintf(stderr, "vaurien: demo: the proxy does not answer on port %d\n",
			        show->http_port);
			return false;
		}
		usleep(10000);
	}
	show->spare = client_connect(show->proxy_port, &s);
	show->fd = client_connect(show->proxy_port, &s);
	return show->fd >= 0 && show->spare >= 0;
}

int demo_run(const char *program)
{
	struct show show = { .fd = -1, .spare = -1 };
	bool fits = show_begin(&show);
	if (fits) {
		printf("A MySQL client on 127.0.0.1:%d, vaurien,"
		       " and a backend on 127.0.0.1:%d.\n\n",
		       show.proxy_port, show.backend_port);
		printf("%-37s %-9s %-45s %9s  %s\n",
		       "vaurienctl set-behavior ...", "client", "sees", "after", "connection");
		for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
			fits = stage_play(&show, &stages[i]) && fits;
	}
	close(show.fd);                 /* no connections of the application */
	close(show.spare);
	fits = fits && demo_audit(show.proxy_port, show.http_port);
	finish(show.proxy);
	finish(show.backend);
	if (fits)
		printf("\nNow before a database of yours:"
		       " %s --protocol mysql --proxy localhost:3307"
		       " --backend localhost:3306 --http\n", program);
	return fits ? 0 : 1;
}
