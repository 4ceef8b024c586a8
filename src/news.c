/* news.c - what happened, as whoever saw it tells it: fields of a JSON object, made by hand, for it is made on the
 * data path's time. */
#include "news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "option.h"
#include "ring.h"

const char *const news_names[NEWS_TYPES] = {
	[NEWS_OPENED] = "opened", [NEWS_CLOSED] = "closed", [NEWS_FAULT] = "fault", [NEWS_UNREACHABLE] = "unreachable",
	[NEWS_RAW] = "raw", [NEWS_CHANGED] = "changed", [NEWS_LOST] = "lost",
};

_Atomic unsigned news_wanted;
struct ring news_ring = RING_CLOSED;

void news_begin(struct news *n, enum news_type type, nsec at, const char *proxy)
{
	n->at = at;
	n->type = (uint16_t)type;
	n->n = 0;
	if (proxy)
		news_words(n, "proxy", proxy);
}

/* The words, fit for a JSON string: what is none of UTF-8 or would drive a terminal becomes '?'. */
static size_t words_put(char *to, const char *words)
{
	size_t n = 0;

	for (const char *p = words; *p;) {
		size_t size = text_character(p), step = size ? size : 1;
		if ((size_t)(p - words) + step > NEWS_WORDS)
			break;
		if (*p == '"' || *p == '\\')
			to[n++] = '\\';
		if (!size || (uint8_t)*p < 0x20 || *p == 0x7f)
			to[n++] = '?';
		else
			for (size_t i = 0; i < size; i++)
				to[n++] = p[i];
		p += step;
	}
	return n;
}

/* `"key": `, behind what is there. */
static char *key_put(struct news *n, const char *key, size_t *length)
{
	int put = snprintf(n->text + n->n, sizeof n->text - n->n, "%s\"%s\": ", n->n ? ", " : "", key);

	*length = (size_t)put;
	return n->text + n->n + put;
}

void news_words(struct news *n, const char *key, const char *words)
{
	size_t length;

	if (n->n + strlen(key) + 2 * NEWS_WORDS + 16 > NEWS_ROOM)
		return;
	char *at = key_put(n, key, &length), *to = at;
	*to++ = '"';
	to += words_put(to, words);
	*to++ = '"';
	n->n += (uint16_t)(length + (size_t)(to - at));
}

void news_count(struct news *n, const char *key, uint64_t count)
{
	size_t length;

	if (n->n + strlen(key) + 40 > NEWS_ROOM)
		return;
	char *at = key_put(n, key, &length);
	n->n += (uint16_t)(length + (size_t)sprintf(at, "%" PRIu64, count));
}

void news_seconds(struct news *n, const char *key, nsec t)
{
	size_t length;

	if (n->n + strlen(key) + 60 > NEWS_ROOM)
		return;
	char *at = key_put(n, key, &length);
	n->n += (uint16_t)(length + (size_t)sprintf(at, "%lld.%06lld", (long long)(t / NSEC_S), (long long)(t % NSEC_S / NSEC_US)));
}

void news_tell(const struct news *n)
{
	ring_put(&news_ring, n, NEWS_HEAD + n->n);
}
