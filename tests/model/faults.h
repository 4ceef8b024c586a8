/* faults.h - toy behaviors, one for each thing that a verdict can say. */
#ifndef FAULTS_H
#define FAULTS_H

#include "vaurien.h"

/* the options of all of them */
struct http_error { vn_nsec before, after; int64_t n; const char *failure; };

#endif
