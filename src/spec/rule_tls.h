/* rule_tls.h - rules that break TLS: when they act, and where they can. */
#ifndef SPEC_RULE_TLS_H
#define SPEC_RULE_TLS_H

#include "spec/rule.h"

struct spec;

/* The behavior's moments that the options exclude. With `at` = "upgrade" a rule of VN_ON_HELLO acts
 * at VN_ON_OPEN instead, when no ClientHello can have come. */
unsigned rule_never(const struct rule_spec *);

/* It strikes the request for TLS, before any ClientHello. */
bool rule_at_upgrade(const struct rule_spec *);

/* Its match, if it finds no ClientHello, whatever the client wants; else NULL. */
const char *rule_finds_no_hello(const struct rule_spec *);

/* Can this proxy carry out the rule, or all of its rules, where they break TLS? False: `error` has
 * a sentence, *culprit the option's name. */
bool rule_check_tls(const struct rule_spec *, const struct spec *, const char *culprit[1],
                    char error[ERROR_MAX]);
bool spec_check_tls(const struct spec *, const char *culprit[1], char error[ERROR_MAX]);

#endif
