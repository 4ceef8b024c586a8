/* journal.c - queue of events for subscribers, written by any thread.
 *
 * The text has the fields of a JSON object. They are formatted by hand, because it takes time from
 * the data path. */
#include "base/journal.h"

#include <string.h>

#include "base/ring.h"
#include "base/text.h"

const char *const journal_names[JOURNAL_TYPES] = {
	[JOURNAL_OPENED]      = "opened",
	[JOURNAL_CLOSED]      = "closed",
	[JOURNAL_FAULT]       = "fault",
	[JOURNAL_UNREACHABLE] = "unreachable",
	[JOURNAL_MISSED]      = "missed",
	[JOURNAL_RAW]         = "raw",
	[JOURNAL_CHANGED]     = "changed",
	[JOURNAL_EXCHANGE]    = "exchange",
	[JOURNAL_GAVE_UP]     = "gave_up",
	[JOURNAL_BYPASS]      = "bypass",
	[JOURNAL_TLS]         = "tls",
	[JOURNAL_MARK]        = "mark",
	[JOURNAL_LOST]        = "lost",
};

_Atomic unsigned journal_wanted;
struct ring journal_ring = RING_CLOSED;

void journal_begin(struct journal_entry *n, enum journal_type type, vn_nsec at, const char *proxy)
{
	n->at = at;
	n->type = (uint16_t)type;
	n->n = 0;
	if (proxy)
		journal_text(n, "proxy", proxy);
}

/* The caller has checked that there is room: put_key(). */
static void put(struct journal_entry *n, const char *bytes, size_t size)
{
	memcpy(n->text + n->n, bytes, size);
	n->n += (uint16_t)size;
}

/* Writes at least `width` digits. */
static void put_digits(struct journal_entry *n, uint64_t value, unsigned width)
{
	char digits[20], *first = digits + sizeof digits;

	for (; value || width; value /= 10, width -= width > 0)
		*--first = (char)('0' + value % 10);
	put(n, first, (size_t)(digits + sizeof digits - first));
}

/* Writes `"key": `. False: there is no room for that and `more` bytes. */
static bool put_key(struct journal_entry *n, const char *key, size_t more)
{
	size_t size = strlen(key);

	if (n->n + size + more + 8 > JOURNAL_ROOM)
		return false;
	if (n->n)
		put(n, ", ", 2);
	put(n, "\"", 1);
	put(n, key, size);
	put(n, "\": ", 3);
	return true;
}

/* Writes a character of a JSON string. '?' replaces bytes that are not UTF-8 (size 0), and
 * characters that could control a terminal. */
static void put_character(struct journal_entry *n, const char *p, size_t size)
{
	bool control = (uint8_t)*p < 0x20 || *p == 0x7f ||
	               (size == 2 && (uint8_t)p[0] == 0xc2 && (uint8_t)p[1] < 0xa0);

	if (*p == '"' || *p == '\\')
		put(n, "\\", 1);
	if (!size || control)
		put(n, "?", 1);
	else
		put(n, p, size);
}

/* The caller has checked that there is room for 2 * JOURNAL_WORDS + 2 bytes. */
static void put_text(struct journal_entry *n, const char *words)
{
	size_t size;

	put(n, "\"", 1);
	for (const char *p = words; *p; p += size ? size : 1) {
		size = utf8_length(p);
		if ((size_t)(p - words) + (size ? size : 1) > JOURNAL_WORDS)
			break;
		put_character(n, p, size);
	}
	put(n, "\"", 1);
}

void journal_text(struct journal_entry *n, const char *key, const char *words)
{
	if (put_key(n, key, 2 * JOURNAL_WORDS + 2))
		put_text(n, words);
}

void journal_process(struct journal_entry *n, const char *key, unsigned pid, const char *name)
{
	static const char head[] = "{\"pid\": ", middle[] = ", \"name\": ";

	if (!put_key(n, key, 2 * JOURNAL_WORDS + sizeof head + sizeof middle + 24))
		return;
	put(n, head, sizeof head - 1);
	put_digits(n, pid, 1);
	put(n, middle, sizeof middle - 1);
	put_text(n, name);
	put(n, "}", 1);
}

void journal_list(struct journal_entry *n, const char *key, const char *names, size_t size)
{
	bool any = false;

	if (!put_key(n, key, 2))
		return;
	put(n, "[", 1);
	for (const char *p = names; p < names + size; p += strlen(p) + 1) {
		if (n->n + 2 * JOURNAL_WORDS + 8 > JOURNAL_ROOM)
			break;
		if (any)
			put(n, ", ", 2);
		put_text(n, p);
		any = true;
	}
	put(n, "]", 1);
}

void journal_hash(struct journal_entry *n, const char *key, uint64_t hash)
{
	static const char hex[] = "0123456789abcdef";

	if (!put_key(n, key, 18))
		return;
	put(n, "\"", 1);
	for (int shift = 60; shift >= 0; shift -= 4)
		put(n, &hex[hash >> shift & 15], 1);
	put(n, "\"", 1);
}

void journal_is(struct journal_entry *n, const char *key, bool value)
{
	if (put_key(n, key, 5))
		put(n, value ? "true" : "false", value ? 4 : 5);
}

void journal_null(struct journal_entry *n, const char *key)
{
	if (put_key(n, key, 4))
		put(n, "null", 4);
}

void journal_count(struct journal_entry *n, const char *key, uint64_t count)
{
	if (put_key(n, key, 20))
		put_digits(n, count, 1);
}

void journal_seconds(struct journal_entry *n, const char *key, vn_nsec t)
{
	if (!put_key(n, key, 30))
		return;
	put_digits(n, (uint64_t)(t / VN_S), 1);
	put(n, ".", 1);
	put_digits(n, (uint64_t)(t % VN_S / VN_US), 6);
}

void journal_write(const struct journal_entry *n)
{
	ring_put(&journal_ring, n, JOURNAL_HEAD + n->n);
}
