/* faults.h - toy behaviors for the model test, one for each field of a verdict. */
#ifndef FAULTS_H
#define FAULTS_H

#include "vaurien.h"

/* The options of all toy behaviors. */
struct http_error { vn_nsec before, after; int64_t n; const char *failure; };

#endif
