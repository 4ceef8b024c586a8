/* tls_fields.c - life and comparison of a leg's TLS. */
#include "spec/tls_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"

struct tls_leg *tls_leg_make(bool backend)
{
	static _Atomic uint64_t generations;
	struct tls_leg *leg = xcalloc(1, sizeof *leg);

	leg->refs = 1;
	leg->generation = ++generations;
	leg->backend = backend;
	return leg;
}

struct tls_leg *tls_leg_ref(struct tls_leg *leg)
{
	if (leg)
		leg->refs++;
	return leg;
}

struct tls_trust *tls_trust_ref(struct tls_trust *t)
{
	t->refs++;
	return t;
}

void tls_trust_unref(struct tls_trust *t)
{
	if (t && !--t->refs)
		t->free(t);
}

static void pem_free(struct tls_pem *p)
{
	secret_free(p->text, p->n + 1);
	free(p->file);
}

void tls_leg_unref(struct tls_leg *leg)
{
	if (!leg || --leg->refs)
		return;
	pem_free(&leg->cert);
	pem_free(&leg->key);
	tls_trust_unref(leg->trust);
	free(leg->names);
	free(leg->alpn);
	free(leg->ciphers);
	free(leg->suites);
	free(leg->name);
	free(leg);
}

static bool text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool tls_pem_same(const struct tls_pem *a, const struct tls_pem *b)
{
	return text_same(a->file, b->file) && a->n == b->n &&
	       (!a->n || !memcmp(a->text, b->text, a->n));
}

static bool trust_same(const struct tls_trust *a, const struct tls_trust *b)
{
	return a && b ? !memcmp(a->digest, b->digest, sizeof a->digest) : a == b;
}

bool tls_leg_same(const struct tls_leg *a, const struct tls_leg *b)
{
	if (!a || !b || a == b)
		return a == b;
	return a->backend == b->backend && a->must == b->must && a->start == b->start &&
	       tls_pem_same(&a->cert, &b->cert) && tls_pem_same(&a->key, &b->key) &&
	       trust_same(a->trust, b->trust) && text_same(a->names, b->names) &&
	       a->rsa == b->rsa &&
	       text_same(a->alpn, b->alpn) && a->alpn_client == b->alpn_client &&
	       a->lowest == b->lowest && a->highest == b->highest &&
	       text_same(a->ciphers, b->ciphers) && text_same(a->suites, b->suites) &&
	       a->verify == b->verify && a->tickets == b->tickets && a->resume == b->resume &&
	       text_same(a->name, b->name);
}
