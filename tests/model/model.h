/* model.h - stories of the model test that use real threads. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* Real threads and real time. No mirror can follow, so it checks what must always hold. */
bool threads_story(uint64_t seed);
/* The same, with streams of `bytes` bytes in both directions. */
bool bulk_story(uint64_t seed, uint64_t bytes);

#endif
