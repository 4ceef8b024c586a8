/* demo.h - `vaurien demo`: shows what a client sees under every behavior. */
#ifndef DEMO_H
#define DEMO_H

/* Prints a table. 0: each row is as it should be; else 1. */
int demo_run(const char *program);     /* `program`: argv[0], as it was started */

#endif
