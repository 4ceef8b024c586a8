/* etcd_number.h - numbers in etcd's JSON: as texts if they have 64 bits, left out if they are 0. */
#ifndef FLEET_ETCD_NUMBER_H
#define FLEET_ETCD_NUMBER_H

#include <jansson.h>
#include <stdint.h>

/* The value of a key, 0 if it is not there. */
int64_t etcd_number(const json_t *object, const char *key);

/* A new reference. */
json_t *etcd_number_json(int64_t n);

#endif
