/* base64.c - base64, in which etcd's JSON has keys and values. */
#include "fleet/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_make(const void *bytes, size_t n)
{
	const uint8_t *in = bytes;
	char *text = xmalloc((n + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t three = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0)
			| (left > 2 ? in[i + 2] : 0);
		for (size_t k = 0; k < 4; k++)
			*out++ = k <= left ? digits[three >> (18 - 6 * k) & 63] : '=';
	}
	*out = 0;
	return text;
}

char *base64_read(const char *text, size_t *n)
{
	size_t size = strlen(text);
	char *bytes = xmalloc(size / 4 * 3 + 1), *out = bytes;

	while (size && text[size - 1] == '=')
		size--;
	for (size_t i = 0; i < size; i += 4) {
		size_t left = size - i < 4 ? size - i : 4;
		uint32_t three = 0;
		for (size_t k = 0; k < 4; k++) {
			const char *digit = k < left ? strchr(digits, text[i + k]) : digits;
			if (!digit || left == 1) {
				free(bytes);
				return NULL;
			}
			three = three << 6 | (uint32_t)(digit - digits);
		}
		for (size_t k = 0; k + 1 < left; k++)
			*out++ = (char)(three >> (16 - 8 * k));
	}
	*n = (size_t)(out - bytes);
	*out = 0;
	return bytes;
}
