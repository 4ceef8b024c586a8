/* dice.h - the one source of chance: SipHash-2-4 of what is decided, keyed by seed and names. */
#ifndef BASE_DICE_H
#define BASE_DICE_H

#include "vaurien.h"

uint64_t siphash(uint64_t k0, uint64_t k1, const void *bytes, size_t n);

/* The dice of one rule (or of a group of rules that share one draw) on one proxy. */
struct vn_dice dice_make(uint64_t seed, const char *proxy, const char *rule);

/* The same dice, thrown for this exchange at this moment (0: the decision itself). */
struct vn_dice dice_at(const struct vn_dice *, uint64_t connection, uint64_t exchange,
                       unsigned moment);

void dice_fill(struct vn_dice *, uint8_t *bytes, size_t n);        /* random bytes */

#endif
