/* mask.h - statements with their numbers and quoted texts masked, as these may be secret.
 *
 *	SELECT * FROM item WHERE id = 42 AND name = 'tea'
 *	SELECT * FROM item WHERE id = ? AND name = '?' */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at first. `names`: what double quotes enclose is a name, and stays. */
struct mask { int quote; bool masked, names; };

/* The character in place of the next one; 0: none, as the one before was masked, too. `after`: the
 * byte behind it, or 0. */
char mask_next(struct mask *, uint8_t c, uint8_t after);

#endif
