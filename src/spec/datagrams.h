/* datagrams.h - checks of proxies on udp://: may they have this backend, protocol and rule? */
#ifndef SPEC_DATAGRAMS_H
#define SPEC_DATAGRAMS_H

#include "spec/spec.h"

/* False: backend or protocol do not go with where the proxy listens. `error` has one sentence,
 * *culprit the name of the option. */
bool datagrams_check(const struct spec *, const char *culprit[1], char error[ERROR_MAX]);

/* False: the rule's behavior makes no sense there. */
bool datagrams_check_rule(const struct spec *, const struct rule_spec *, char error[ERROR_MAX]);

#endif
