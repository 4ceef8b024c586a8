/* proxy_header.c - tests of headers of the PROXY protocol, at every length that may be at hand. */
#include "net/proxy_header.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define BINARY "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\0\2\1" "\xc0\0\2\2" "\x9c\x40" "\0\x19"
#define BYTES(text) text, sizeof text - 1

/* Up against the end of its memory, so that a byte too far is seen by the sanitizer. */
static struct proxy_header find(const char *text, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	struct proxy_header h = proxy_header_find((struct vn_span){ copy, n });
	free(copy);
	return h;
}

static const struct { const char *text; size_t n, length; const char *client;
} good[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n"), 41, "192.0.2.1:40000" },
	{ BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), 56,
	  "255.255.255.255:65535" },
	{ BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), 32, "[2001:db8::1]:1" },
	{ BYTES("PROXY UNKNOWN\r\n"), 15, NULL },
	{ BYTES("PROXY UNKNOWN ffff:f...f:ffff what else 65535 65535\r\n"), 53, NULL },
	{ BYTES(BINARY "\x21\x11\0\x0c" V4), 28, "192.0.2.1:40000" },
	{ BYTES(BINARY "\x21\x21\0\x24"
	               "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
	               "0123456789abcdef"
	               "\0\1\0\2"),
	  52, "[2001:db8::1]:1" },
	/* with a TLV */
	{ BYTES(BINARY "\x21\x11\0\x10" V4 "\x04\0\1x"), 32, "192.0.2.1:40000" },
	{ BYTES(BINARY "\x20\0\0\0"), 16, NULL }, /* LOCAL */
	{ BYTES(BINARY "\x20\x11\0\x0c" V4), 28, NULL },
	/* a command of later times */
	{ BYTES(BINARY "\x2f\x11\0\x0c" V4), 28, NULL },
	/* too short for its family */
	{ BYTES(BINARY "\x21\x11\0\x04"
	               "\xc0\0\2\1"),
	  20, NULL },
	{ BYTES(BINARY "\x21\0\0\0"), 16, NULL },
};

static void found_at_every_length(void **state)
{
	char shown[128];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		for (size_t n = 0; n < good[i].n; n++) {
			enum proxy_header_kind kind = find(good[i].text, n).kind;
			if (kind != PROXY_UNSURE && kind != PROXY_TORN)
				fail_msg("%zu: %zu bytes are %d", i, n, kind);
		}
		struct proxy_header h = find(good[i].text, good[i].n);
		assert_int_equal(h.kind, PROXY_FOUND);
		assert_int_equal(h.length, good[i].length);
		assert_int_equal(!h.client.len, !good[i].client);
		if (good[i].client)
			assert_string_equal(endpoint_show(&h.client, shown, sizeof shown),
			                    good[i].client);
	}
}

static void of_other_families(void **state)
{
	char text[16 + 216 + 70000] = BINARY "\x21\x31\0\xd8";

	struct proxy_header h = find(text, 52);         /* AF_UNIX: two paths of 108 bytes */
	assert_int_equal(h.kind, PROXY_FOUND);
	assert_int_equal(h.length, 16 + 216);
	assert_int_equal(h.client.len, 0);
	memcpy(text + 12, "\x21\x11\xff\xff", 4);       /* the longest */
	h = find(text, sizeof text);
	assert_int_equal(h.length, 16 + 65535);
}

static void others(void **state)
{
	static const struct { const char *text; size_t n; enum proxy_header_kind kind;
	} bad[] = {
		{ BYTES("POST / HTTP/1.1\r\n"), PROXY_NONE },
		{ BYTES("PING\r\n"), PROXY_NONE },
		{ BYTES("PROXY / HTTP/1.1\r\n"), PROXY_NONE },
		{ BYTES("PROXY TCP5 "), PROXY_NONE },
		{ BYTES("PROXY UNKNOWNS\r\n"), PROXY_NONE },
		{ BYTES("proxy TCP4 "), PROXY_NONE },
		{ BYTES("\r\nGET"), PROXY_NONE },
		{ BYTES("\r\n\r\n\r"), PROXY_NONE },
		{ BYTES("\n"), PROXY_NONE },
		{ BYTES("\0\0\0\x08"), PROXY_NONE },
		{ BYTES("P"), PROXY_UNSURE },
		{ BYTES("PROXY TCP"), PROXY_UNSURE },
		{ BYTES("\r\n"), PROXY_UNSURE },
		{ BYTES("\r\n\r\n\0\r\nQUIT"), PROXY_UNSURE },
		{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), PROXY_BROKEN },
		{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx"), PROXY_BROKEN },
		{ BYTES("PROXY UNKNOWN a\0b"), PROXY_BROKEN },
		{ BYTES(BINARY "\x11"), PROXY_BROKEN },
		{ BYTES(BINARY "\x31\x11\0\x0c"), PROXY_BROKEN },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (find(bad[i].text, bad[i].n).kind != bad[i].kind)
			fail_msg("'%s' is %d, not %d", bad[i].text,
			         find(bad[i].text, bad[i].n).kind, bad[i].kind);
}

static void a_line_is_bounded(void **state)
{
	char text[300] = "PROXY UNKNOWN ";

	memset(text + 14, 'x', sizeof text - 14);
	assert_int_equal(find(text, 106).kind, PROXY_TORN);
	assert_int_equal(find(text, 107).kind, PROXY_BROKEN);
	memcpy(text + 105, "\r\n", 2);
	assert_int_equal(find(text, 107).kind, PROXY_FOUND);
	memcpy(text + 105, "x\r\n", 3);
	assert_int_equal(find(text, 108).kind, PROXY_BROKEN);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(found_at_every_length),
	cmocka_unit_test(of_other_families),
	cmocka_unit_test(others),
	cmocka_unit_test(a_line_is_bounded),
};

SUITE(proxy_header, tests)
