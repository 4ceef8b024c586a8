/* demo.h - `vaurien demo`: every behavior shown on a backend and a client of its own. */
#ifndef DEMO_H
#define DEMO_H

int demo_run(void);             /* prints a table; 0 when each row is what it should be */

#endif
