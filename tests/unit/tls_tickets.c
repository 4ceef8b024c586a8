/* tls_tickets.c - tests of the keys of tickets: new ones each hour, on a clock that the test moves;
 * those of the hour before still open tickets. */
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <string.h>

#include "base/loop.h"
#include "control/tls_clock.h"
#include "unit.h"

static struct loop loop;
static vn_nsec clock_now;
static struct tls_clock hourly;

static vn_nsec clock_mine(void)
{
	return clock_now;
}

/* Whole rounds at this time: all that is due by then has happened. */
static void at(uint64_t seconds)
{
	clock_now = seconds * VN_S;
	while (loop_once(&loop, false))
		;
}

struct ticket { unsigned char name[16], iv[16]; };

/* What the callback returns: 1 good, 2 good but to be renewed, 0 unknown. */
static int used(struct ticket_keys *k, struct ticket *t, int seals)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	int result = ticket_keys_use(k, t->name, t->iv, cipher, mac, seals);

	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(hmac);
	EVP_CIPHER_CTX_free(cipher);
	return result;
}

static void new_keys_each_hour(void **state)
{
	struct settings settings = { 0 };
	struct ticket_keys *k = ticket_keys_make("db", 2), *other = ticket_keys_make("dc", 2);
	struct ticket first = { 0 }, second = { 0 };
	char error[ERROR_MAX];

	loop_init(&loop);
	loop.clock = clock_mine;
	at(1);
	assert_true(tls_clock_start(&hourly, &loop, &settings, error));
	tls_tickets_begin();
	assert_int_equal(used(k, &first, 1), 1);
	assert_int_equal(used(k, &first, 0), 1);
	assert_int_equal(used(other, &first, 0), 0);

	at(TICKETS_SECONDS);
	assert_int_equal(used(k, &first, 0), 1);
	at(1 + TICKETS_SECONDS);
	assert_int_equal(used(k, &first, 0), 2);
	assert_int_equal(used(k, &second, 1), 1);
	assert_memory_not_equal(first.name, second.name, sizeof first.name);
	assert_int_equal(used(k, &second, 0), 1);

	at(1 + 2 * TICKETS_SECONDS);
	assert_int_equal(used(k, &first, 0), 0);
	assert_int_equal(used(k, &second, 0), 2);
	at(1 + 3 * TICKETS_SECONDS);
	assert_int_equal(used(k, &second, 0), 0);

	tls_clock_stop(&hourly);
	at(1 + 4 * TICKETS_SECONDS);
	ticket_keys_free(k);
	ticket_keys_free(other);
	loop_free(&loop);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(new_keys_each_hour),
};

SUITE(tls_tickets, tests)
