/* selector.h - which members and proxies a fleet rule is for: labels, a glob of names, a protocol.
 *
 *	app=shop,zone=a,proxy=db*,protocol=mysql
 *
 * All parts must fit. No part at all: every proxy of every member. vaurienctl uses it, too. */
#ifndef FLEET_SELECTOR_H
#define FLEET_SELECTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum {
	LABELS_MAX   = 16,              /* of a member, or of a selector */
	LABEL_MAX    = 63,              /* bytes of a label's name, and of its value */
	FLEET_ID_MAX = 64,              /* bytes of a fleet rule's name */
	MEMBER_MAX   = 200,             /* bytes of a member's name */
};

/* "app=shop,zone=a" to an object of texts, a new reference. `proxy` and `protocol` are no names of
 * labels. NULL: `error` has one sentence, which begins with `what`. */
json_t *labels_read(const char *text, const char *what, char error[ERROR_MAX]);

/* The same for a selector, which may name `proxy` and `protocol`. */
json_t *selector_read(const char *text, const char *what, char error[ERROR_MAX]);

/* Do the labels have all that the selector names? */
bool selector_fits_labels(const json_t *selector, const json_t *labels);
bool selector_fits_proxy(const json_t *selector, const char *name, const char *protocol);

/* A member's document, as in store.h: do its labels fit, and one of its proxies? */
bool selector_fits_member(const json_t *selector, const json_t *member);

/* "10%" or "3". False: `error` has one sentence. */
bool limit_read(const char *text, double *limit, bool *percent, char error[ERROR_MAX]);

/* So many of n members: a percent is rounded up. */
size_t limit_of(double limit, bool percent, size_t n);

/* The place of a member among others, by its name alone: the lowest are struck first. */
uint64_t member_rank(const char *name);
int member_compare(const char *a, const char *b);       /* by rank, then by name */

/* Letters, digits, '.', '_' and '-': what a fleet rule may be called. */
bool fleet_id_good(const char *id);
bool member_name_good(const char *name);        /* no '/', no control character */

#endif
