/* load.h - the benchmark's two ends: a backend that does as the first byte of a connection says,
 * and clients.
 *
 *   e...     echo: all comes back            u...     sink: one byte comes back for each MEAL read
 *   d...     source: bytes without end
 *
 * Both are one thread and level-triggered epoll: simple, and the same cost in front of every
 * proxy. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdnoreturn.h>

typedef int64_t nsec;

#define NSEC_S ((nsec)1000000000)

enum { BUFFER = 1 << 18, MEAL = 1 << 20 };

struct bytes { uint8_t *p; size_t n; };

struct place { struct sockaddr_in at; };

noreturn void give_up(const char *what);
nsec now(void);
struct place place_read(const char *host_port);         /* 127.0.0.1:1234, or a port of loopback */
/* blocking; `from` picks one of several loopback addresses */
int  place_dial(const struct place *, unsigned from);
/* "48656c6c6f", or text behind "=" with \r and \n */
struct bytes hex_read(const char *);
/* "name_p50=... name_p99=..." in ns */
void say_lateness(const char *name, nsec *times, size_t n);

int backend_run(int argc, char **argv);
int answer_run(int argc, char **argv);
int bulk_run(int argc, char **argv);
int pingpong_run(int argc, char **argv);
int ask_run(int argc, char **argv);
int churn_run(int argc, char **argv);
int idle_run(int argc, char **argv);
int delay_run(int argc, char **argv);
int tls_bulk_run(int argc, char **argv);
int tls_pingpong_run(int argc, char **argv);
int tls_churn_run(int argc, char **argv);
int tls_idle_run(int argc, char **argv);
int udp_echo_run(int argc, char **argv);
int udp_run(int argc, char **argv);

#endif
