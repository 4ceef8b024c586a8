/* revoked.c - certificates that were minted to be revoked. */
#include "tls/revoked.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "tls/mint.h"

enum { SERIAL_MAX = 20, VALID_DAYS = 7 };

struct revoked {                        /* never changes, never freed: a list that only grows */
	struct revoked *next;
	time_t when;
	int n;
	unsigned char serial[SERIAL_MAX];
};

static struct revoked *_Atomic newest;
static _Atomic unsigned count;

void revoked_add(const X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
	struct revoked *r;

	if (n && BN_num_bytes(n) <= SERIAL_MAX && count++ < REVOKED_MAX) {
		r = xcalloc(1, sizeof *r);
		r->when = time(NULL);
		r->n = BN_bn2bin(n, r->serial);
		r->next = newest;
		while (!atomic_compare_exchange_weak(&newest, &r->next, r))
			;
	}
	BN_free(n);
}

/* ---- the list ---- */

static bool entry_add(X509_CRL *list, const struct revoked *r)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	BIGNUM *n = BN_bin2bn(r->serial, r->n, NULL);
	ASN1_INTEGER *serial = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	ASN1_TIME *when = ASN1_TIME_set(NULL, r->when);
	bool good = entry && serial && when && X509_REVOKED_set_serialNumber(entry, serial) &&
	            X509_REVOKED_set_revocationDate(entry, when) &&
	            X509_CRL_add0_revoked(list, entry);

	if (!good)
		X509_REVOKED_free(entry);
	ASN1_TIME_free(when);
	ASN1_INTEGER_free(serial);
	BN_free(n);
	return good;
}

/* The number of a list is the second when it was made: it grows. */
static bool list_describe(X509_CRL *list, const struct tls_identity *id)
{
	time_t now = time(NULL);
	ASN1_TIME *from = ASN1_TIME_set(NULL, now - DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, now + VALID_DAYS * DAY);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	const ASN1_OCTET_STRING *key = X509_get0_subject_key_id(id->ca);

	if (authority && key)
		authority->keyid = ASN1_OCTET_STRING_dup(key);
	bool good = from && until && number && ASN1_INTEGER_set_int64(number, now) &&
	            X509_CRL_set_version(list, X509_CRL_VERSION_2) &&
	            X509_CRL_set_issuer_name(list, X509_get_subject_name(id->ca)) &&
	            X509_CRL_set1_lastUpdate(list, from) && X509_CRL_set1_nextUpdate(list, until) &&
	            X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) > 0 &&
	            (!key || X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, authority, 0,
	                                           0) > 0);
	AUTHORITY_KEYID_free(authority);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(until);
	ASN1_TIME_free(from);
	return good;
}

unsigned char *revoked_list(const struct tls_identity *id, size_t *n)
{
	X509_CRL *list = X509_CRL_new();
	unsigned char *der = NULL;
	bool good = list && list_describe(list, id);

	for (const struct revoked *r = newest; r && good; r = r->next)
		good = entry_add(list, r);
	good = good && X509_CRL_sort(list) && X509_CRL_sign(list, id->ca_key, EVP_sha256());
	int length = good ? i2d_X509_CRL(list, &der) : 0;
	X509_CRL_free(list);
	ERR_clear_error();
	*n = length > 0 ? (size_t)length : 0;
	return length > 0 ? der : NULL;
}

/* ---- stapled answers ---- */

unsigned char *revoked_staple(const struct tls_identity *id, X509 *x, size_t *n)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *whom = OCSP_cert_to_id(EVP_sha1(), x, id->ca);
	time_t now = time(NULL);
	ASN1_TIME *from = ASN1_TIME_set(NULL, now - DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, now + VALID_DAYS * DAY);
	ASN1_TIME *when = ASN1_TIME_set(NULL, now - DAY / 2);
	OCSP_RESPONSE *response = NULL;
	unsigned char *der = NULL;

	if (basic && whom && from && until && when &&
	    OCSP_basic_add1_status(basic, whom, V_OCSP_CERTSTATUS_REVOKED,
	                           OCSP_REVOKED_STATUS_KEYCOMPROMISE, when, from, until) &&
	    OCSP_basic_sign(basic, id->ca, id->ca_key, EVP_sha256(), NULL, 0))
		response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	int length = response ? i2d_OCSP_RESPONSE(response, &der) : 0;
	OCSP_RESPONSE_free(response);
	ASN1_TIME_free(when);
	ASN1_TIME_free(until);
	ASN1_TIME_free(from);
	OCSP_CERTID_free(whom);
	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
	*n = length > 0 ? (size_t)length : 0;
	return length > 0 ? der : NULL;
}
