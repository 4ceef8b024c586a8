/* dice.h - reproducible random numbers: SipHash-2-4 of the decision, keyed by seed and names.
 *
 * Dice are plain values: nothing to free, no shared state. Guests draw with the functions of
 * vaurien.h. */
#ifndef BASE_DICE_H
#define BASE_DICE_H

#include "vaurien.h"

uint64_t siphash(uint64_t k0, uint64_t k1, const void *bytes, size_t n);

/* The dice of one rule on one proxy, or of a group of rules that share one draw. */
struct vn_dice dice_make(uint64_t seed, const char *proxy, const char *rule);

/* The dice of one exchange at one moment. Moment 0 decides whether a rule is in. */
struct vn_dice dice_at(const struct vn_dice *, uint64_t connection, uint64_t exchange,
                       unsigned moment);

/* Writes n random bytes. */
void dice_fill(struct vn_dice *, uint8_t *bytes, size_t n);

#endif
