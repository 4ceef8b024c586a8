/* cidr.c - tests of networks: what is read, what is refused, and which addresses they contain. */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "unit.h"

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint e = { .len = 0 };

	if (strchr(text, ':')) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.addr;
		v6->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		e.len = sizeof *v6;
	} else {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&e.addr;
		v4->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
		e.len = sizeof *v4;
	}
	return e;
}

static void contained(void **state)
{
	static const struct { const char *network, *address; bool in; } rows[] = {
		{ "10.0.0.0/8", "10.255.1.2", true }, { "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/9", "10.127.0.1", true }, { "10.0.0.0/9", "10.128.0.1", false },
		{ "10.1.2.3", "10.1.2.3", true }, { "10.1.2.3", "10.1.2.2", false },
		{ "10.1.2.3/31", "10.1.2.2", true }, { "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "::1", false }, { "10.0.0.0/8", "::ffff:10.9.9.9", true },
		{ "10.0.0.0/8", "::ffff:11.9.9.9", false },
		{ "::ffff:10.0.0.0/104", "10.1.1.1", true },
		{ "::ffff:10.0.0.0/104", "11.1.1.1", false }, { "::/0", "fe80::1", true },
		{ "::/0", "10.0.0.1", false }, { "fe80::/10", "febf::1", true },
		{ "fe80::/10", "fec0::1", false }, { "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false }, { "2001:db8::/127", "2001:db8::1", true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct endpoint e = endpoint_of(rows[i].address);
		struct network n;
		assert_true(network_read(&n, rows[i].network));
		if (network_contains(&n, &e) != rows[i].in)
			fail_msg("%s in %s: expected %d", rows[i].address, rows[i].network,
			         rows[i].in);
	}
}

/* The zeroed network contains all addresses, also those of unix sockets. */
static void all(void **state)
{
	static const struct network everyone;
	struct endpoint v4 = endpoint_of("1.2.3.4"), v6 = endpoint_of("::1"), none = { .len = 0 };
	struct network n;

	none.addr.ss_family = AF_UNIX;
	assert_true(network_contains(&everyone, &v4));
	assert_true(network_contains(&everyone, &v6));
	assert_true(network_contains(&everyone, &none));
	assert_true(network_read(&n, "0.0.0.0/0"));
	assert_false(network_contains(&n, &none));
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"", "/", "/8", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8x", "10.0.0.0/8/8", "10.0.0.256", "::/129",
		"::1::", "localhost",
		"10.0.0.0/99999999999999999999",
		":::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::",
	};
	struct network n;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (network_read(&n, bad[i]))
			fail_msg("'%s' was read", bad[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(contained), cmocka_unit_test(all), cmocka_unit_test(refused),
};
SUITE(cidr, tests)
