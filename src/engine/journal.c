/* journal.c - what happened, as whoever saw it tells it: fields of a JSON object, made by hand, for it is made on the
 * data path's time. */
#include "engine/journal.h"

#include <string.h>

#include "spec/option.h"
#include "base/ring.h"

const char *const news_names[NEWS_TYPES] = {
	[NEWS_OPENED] = "opened", [NEWS_CLOSED] = "closed", [NEWS_FAULT] = "fault", [NEWS_UNREACHABLE] = "unreachable",
	[NEWS_MISSED] = "missed", [NEWS_RAW] = "raw", [NEWS_CHANGED] = "changed", [NEWS_LOST] = "lost",
};

_Atomic unsigned news_wanted;
struct ring news_ring = RING_CLOSED;

void news_begin(struct news *n, enum news_type type, vn_nsec at, const char *proxy)
{
	n->at = at;
	n->type = (uint16_t)type;
	n->n = 0;
	if (proxy)
		news_words(n, "proxy", proxy);
}

/* Whoever puts something has seen to it that there is room. */
static void put(struct news *n, const char *bytes, size_t size)
{
	memcpy(n->text + n->n, bytes, size);
	n->n += (uint16_t)size;
}

/* At least `width` digits. */
static void put_digits(struct news *n, uint64_t value, unsigned width)
{
	char digits[20], *first = digits + sizeof digits;

	for (; value || width; value /= 10, width -= width > 0)
		*--first = (char)('0' + value % 10);
	put(n, first, (size_t)(digits + sizeof digits - first));
}

/* `"key": `, behind what is there. False: for that and `more` bytes there is no room. */
static bool put_key(struct news *n, const char *key, size_t more)
{
	size_t size = strlen(key);

	if (n->n + size + more + 8 > NEWS_ROOM)
		return false;
	if (n->n)
		put(n, ", ", 2);
	put(n, "\"", 1);
	put(n, key, size);
	put(n, "\": ", 3);
	return true;
}

/* A character, fit for a JSON string: what is none of UTF-8 or would drive a terminal becomes '?'. */
static void put_character(struct news *n, const char *p, size_t size)
{
	if (*p == '"' || *p == '\\')
		put(n, "\\", 1);
	if (!size || (uint8_t)*p < 0x20 || *p == 0x7f)
		put(n, "?", 1);
	else
		put(n, p, size);
}

void news_words(struct news *n, const char *key, const char *words)
{
	size_t size;

	if (!put_key(n, key, 2 * NEWS_WORDS + 2))
		return;
	put(n, "\"", 1);
	for (const char *p = words; *p; p += size ? size : 1) {
		size = text_character(p);
		if ((size_t)(p - words) + (size ? size : 1) > NEWS_WORDS)
			break;
		put_character(n, p, size);
	}
	put(n, "\"", 1);
}

void news_count(struct news *n, const char *key, uint64_t count)
{
	if (put_key(n, key, 20))
		put_digits(n, count, 1);
}

void news_seconds(struct news *n, const char *key, vn_nsec t)
{
	if (!put_key(n, key, 30))
		return;
	put_digits(n, (uint64_t)(t / VN_S), 1);
	put(n, ".", 1);
	put_digits(n, (uint64_t)(t % VN_S / VN_US), 6);
}

void news_tell(const struct news *n)
{
	ring_put(&news_ring, n, NEWS_HEAD + n->n);
}
