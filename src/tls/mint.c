/* mint.c - certificates made from a recipe. Names are built as structures, never from text. */
#include "tls/mint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/asn1.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "spec/tls_fields.h"

enum { CN_MAX = 64, SERIAL_BYTES = 16, LABEL_MAX = 63 };

bool mint_name_good(const char *name, size_t n, char *to)
{
	size_t label = 0;

	n -= n && name[n - 1] == '.';
	if (!n || n > TLS_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];
		bool dot = c == '.';
		if (c > 127 || (dot ? !label : !(isalnum(c) || c == '-' || c == '_')) ||
		    (label = dot ? 0 : label + 1) > LABEL_MAX)
			return false;
		to[i] = (char)tolower(c);
	}
	to[n] = 0;
	return label > 0;
}

/* 127 random bits. */
static bool serial_set(X509 *x)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *n;

	if (RAND_bytes(bytes, sizeof bytes) <= 0)
		return false;
	bytes[0] &= 0x7f;
	n = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return good;
}

static bool dates_set(X509 *x, const struct recipe *r)
{
	time_t now = time(NULL);

	return ASN1_TIME_set(X509_getm_notBefore(x), now + r->from) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), now + r->until);
}

static bool subject_set(X509 *x, const char *subject)
{
	size_t n = strlen(subject);

	return !n || n > CN_MAX ||
	       X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
	                                  (const unsigned char *)subject, (int)n, -1, 0);
}

/* ---- extensions ---- */

static bool ext_add(X509 *x, int nid, void *value, bool critical)
{
	return value && X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) > 0;
}

static bool basic_add(X509 *x, int pathlen)
{
	BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();

	if (b && pathlen >= 0) {
		b->ca = 0xff;
		b->pathlen = ASN1_INTEGER_new();
		if (b->pathlen)
			ASN1_INTEGER_set(b->pathlen, pathlen);
	}
	bool good = ext_add(x, NID_basic_constraints, b, true);
	BASIC_CONSTRAINTS_free(b);
	return good;
}

/* Bits are counted from the first one of the string: 0 digitalSignature, 2 keyEncipherment, 5
 * keyCertSign, 6 cRLSign. */
static bool usage_add(X509 *x, const struct recipe *r)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool ca = r->pathlen >= 0, rsa = EVP_PKEY_is_a(r->key, "RSA");
	bool good = bits && ASN1_BIT_STRING_set_bit(bits, ca ? 5 : 0, 1) &&
	            (!ca || ASN1_BIT_STRING_set_bit(bits, 6, 1)) &&
	            (ca || !rsa || ASN1_BIT_STRING_set_bit(bits, 2, 1)) &&
	            ext_add(x, NID_key_usage, bits, true);

	ASN1_BIT_STRING_free(bits);
	return good;
}

static bool extended_add(X509 *x, int nid)
{
	EXTENDED_KEY_USAGE *all = nid ? sk_ASN1_OBJECT_new_null() : NULL;
	bool good = !nid || (all && sk_ASN1_OBJECT_push(all, OBJ_nid2obj(nid)) &&
	                     ext_add(x, NID_ext_key_usage, all, false));

	sk_ASN1_OBJECT_pop_free(all, ASN1_OBJECT_free);
	return good;
}

/* SHA-1 of the public key, as RFC 5280 has it. */
static bool key_id(X509 *x, ASN1_OCTET_STRING *to)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_pubkey_digest(x, EVP_sha1(), digest, &n) &&
	       ASN1_OCTET_STRING_set(to, digest, (int)n);
}

static bool subject_id_add(X509 *x)
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	bool good = id && key_id(x, id) && ext_add(x, NID_subject_key_identifier, id, false);

	ASN1_OCTET_STRING_free(id);
	return good;
}

/* A copy of the issuer's identifier. */
static bool authority_id_add(X509 *x, X509 *issuer)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
	AUTHORITY_KEYID *a = id ? AUTHORITY_KEYID_new() : NULL;

	if (a)
		a->keyid = ASN1_OCTET_STRING_dup(id);
	bool good = !id || ext_add(x, NID_authority_key_identifier, a, false);
	AUTHORITY_KEYID_free(a);
	return good;
}

static bool name_push(GENERAL_NAMES *all, const char *text, size_t n)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool v4 = inet_pton(AF_INET, text, address) == 1;
	bool v6 = !v4 && inet_pton(AF_INET6, text, address) == 1;
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_STRING *value = v4 || v6 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	bool good = one && value &&
	            (v4 || v6 ? ASN1_STRING_set(value, address, v4 ? 4 : 16) :
	                        ASN1_STRING_set(value, text, (int)n));

	if (good)
		GENERAL_NAME_set0_value(one, v4 || v6 ? GEN_IPADD : GEN_DNS, value);
	else
		ASN1_STRING_free(value);
	if (good && sk_GENERAL_NAME_push(all, one))
		return true;
	GENERAL_NAME_free(one);
	return false;
}

static bool names_add(X509 *x, const struct recipe *r)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	char more[TLS_NAME_MAX + 32];
	bool good = all, critical = !X509_NAME_entry_count(X509_get_subject_name(x));

	for (size_t i = 0; good && r->names[i]; i++)
		good = name_push(all, r->names[i], strlen(r->names[i]));
	for (unsigned i = 0; good && i < r->many; i++) {
		int n = snprintf(more, sizeof more, "name-%05u.huge.%s", i, "vaurien.invalid");
		good = name_push(all, more, (size_t)n);
	}
	good = good && ext_add(x, NID_subject_alt_name, all, critical);
	GENERAL_NAMES_free(all);
	return good;
}

static bool extensions_add(X509 *x, const struct recipe *r)
{
	bool ca = r->pathlen >= 0;

	return basic_add(x, r->pathlen) && usage_add(x, r) && extended_add(x, r->usage) &&
	       (!ca || subject_id_add(x)) && (!r->issuer || authority_id_add(x, r->issuer)) &&
	       (!r->names || names_add(x, r));
}

X509 *mint(const struct recipe *r)
{
	X509 *x = X509_new();
	X509 *issuer = r->issuer ? r->issuer : x;

	if (x && X509_set_version(x, X509_VERSION_3) && serial_set(x) && dates_set(x, r) &&
	    X509_set_pubkey(x, r->key) && subject_set(x, r->subject) &&
	    X509_set_issuer_name(x, X509_get_subject_name(issuer)) && extensions_add(x, r) &&
	    X509_sign(x, r->issuer_key, r->digest ? r->digest : EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}
