/* run_json.h - GET /run: the command, its processes, and what was left alone. */
#ifndef RUN_RUN_JSON_H
#define RUN_RUN_JSON_H

#include "run/state.h"

/* The carrier answers from now on; without them with a 404. Control thread. */
void run_json_begin(struct supervisor *, struct control *);
void run_json_end(void);

#endif
