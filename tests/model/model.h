/* model.h - the stories that the model test tells. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* two real threads, real time: what no mirror can follow, but all must hold */
bool threads_story(uint64_t seed);
/* the same, and streams of so many bytes, both ways at once */
bool bulk_story(uint64_t seed, uint64_t bytes);

#endif
