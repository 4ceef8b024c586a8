/* demo_wire.h - what the demo's programs know of MySQL, and their sockets.
 *
 * A packet is a length (3 bytes), a sequence number and a payload. */
#ifndef DEMO_WIRE_H
#define DEMO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET = 1024 };                 /* bytes: no packet here is longer */

struct packet { uint8_t seq; size_t n; uint8_t bytes[PACKET]; };

/* False: errno says why; 0 is the end of the stream. */
bool packet_read(int fd, struct packet *);
bool packet_send(int fd, uint8_t seq, const void *payload, size_t n);

/* A payload from a string literal, which may contain NUL. */
#define SEND(fd, seq, literal) packet_send(fd, seq, literal, sizeof(literal) - 1)

int listen_anywhere(int *port);         /* on 127.0.0.1; ends the program if it cannot */
int connect_to(int port);               /* -1: errno */
void set_timeout(int fd, double seconds);       /* of reading; 0: none */

enum outcome { REPLIED, FAILED, NOTHING, FINISHED, WAS_RESET };  /* what the client sees */

struct result {                         /* what the client saw */
	enum outcome outcome;
	char text[96];
	double seconds;
	const char *connection;         /* open, closed, reset */
};

/* Log in. The descriptor, open even if the login failed; -1: no connection. */
int client_connect(int port, struct result *);
/* The response to a SELECT; the result is its first row. */
void client_read(int fd, struct result *);
void result_end(struct result *);       /* errno has the end of a connection */

#endif
