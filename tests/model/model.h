/* model.h - the stories that the model test tells. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

bool threads_story(uint64_t seed);      /* two real threads, real time: what no mirror can follow, but all must hold */
bool bulk_story(uint64_t seed, uint64_t bytes);         /* the same, and streams of so many bytes, both ways at once */

#endif
