/* congestion.h - choice of congestion control for sockets to this machine. */
#ifndef NET_CONGESTION_H
#define NET_CONGESTION_H

#include <stdbool.h>

/* True if the system's default spreads out what it sends, as bbr does. */
bool congestion_paces(void);

/* Sets the socket to reno, if its peer is on this machine. */
void congestion_reno(int fd);

#endif
