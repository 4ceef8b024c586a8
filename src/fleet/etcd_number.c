/* etcd_number.c - numbers in etcd's JSON: as texts if they have 64 bits, left out if they are 0. */
#include "fleet/etcd_number.h"

#include <stdlib.h>

int64_t etcd_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		return json_integer_value(value);
	return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : 0;
}

json_t *etcd_number_json(int64_t n)
{
	return json_sprintf("%lld", (long long)n);
}
