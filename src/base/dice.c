/* dice.c - reproducible random numbers: SipHash-2-4 of the decision, keyed by seed and names.
 *
 * SipHash-2-4 is by Aumasson and Bernstein. The tests use the test vector of their paper. */
#include "base/dice.h"

#include <math.h>
#include <string.h>

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotate(v[1], 13) ^ v[0]; v[0] = rotate(v[0], 32);
	v[2] += v[3]; v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = rotate(v[1], 17) ^ v[2]; v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

uint64_t siphash(uint64_t k0, uint64_t k1, const void *bytes, size_t n)
{
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		          k1 ^ 0x7465646279746573 };
	const uint8_t *p = bytes;
	uint64_t last = (uint64_t)n << 56, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);    /* this file needs a little-endian machine */
		sip_word(v, word);
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct vn_dice dice_make(uint64_t seed, const char *proxy, const char *rule)
{
	return (struct vn_dice){ .k0 = siphash(seed, 0, proxy, strlen(proxy)),
		                 .k1 = siphash(seed, 1, rule, strlen(rule)) };
}

struct vn_dice dice_at(const struct vn_dice *d, uint64_t connection, uint64_t exchange,
                       unsigned moment)
{
	return (struct vn_dice){ d->k0, d->k1, connection, exchange, moment, 0 };
}

uint64_t vn_dice_draw(struct vn_dice *d)
{
	uint64_t what[3] = { d->connection, d->exchange, (uint64_t)d->moment << 32 | d->n++ };

	return siphash(d->k0, d->k1, what, sizeof what);
}

double vn_dice_unit(struct vn_dice *d)
{
	return (double)(vn_dice_draw(d) >> 11) * 0x1p-53;
}

uint64_t vn_dice_below(struct vn_dice *d, uint64_t bound)
{
	return (uint64_t)((unsigned __int128)vn_dice_draw(d) * bound >> 64);
}

double vn_dice_normal(struct vn_dice *d)
{
	double u = 1 - vn_dice_unit(d); /* in (0, 1], so its logarithm is finite */

	return sqrt(-2 * log(u)) * cos(2 * M_PI * vn_dice_unit(d));
}

/* The quantile function of the standard normal distribution, by bisection. */
static double normal_at(double share)
{
	double low = -9, high = 9;      /* the quantiles of all doubles in [0, 1) are between */

	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;
		*(erfc(-middle / M_SQRT2) / 2 < share ? &low : &high) = middle;
	}
	return high;
}

/* Lognormal and Pareto use the quantile function: one draw each, and the time grows with it. */
double vn_dice_lognormal(struct vn_dice *d, double mean, double deviation)
{
	double z = normal_at(vn_dice_unit(d));

	if (!(mean > 0))
		return 0;
	double variance = log1p(deviation / mean * (deviation / mean));
	return mean * exp(sqrt(variance) * z - variance / 2);
}

double vn_dice_pareto(struct vn_dice *d, double mean, double deviation)
{
	double u = vn_dice_unit(d);

	if (!(mean > 0 && deviation > 0))
		return mean > 0 ? mean : 0;
	double shape = 1 + hypot(1, mean / deviation);
	return mean * (shape - 1) / shape * pow(1 - u, -1 / shape);
}

vn_nsec vn_dice_table(struct vn_dice *d, const struct vn_table *t)
{
	double percent = 100 * vn_dice_unit(d);
	size_t i = 0;

	if (!t->n)
		return 0;
	while (i < t->n && t->rows[i].percent <= percent)
		i++;
	if (i == 0 || i == t->n)
		return t->rows[i ? i - 1 : 0].time;
	double share =
		(percent - t->rows[i - 1].percent) / (t->rows[i].percent - t->rows[i - 1].percent);
	return t->rows[i - 1].time +
	       (vn_nsec)(share * (double)(t->rows[i].time - t->rows[i - 1].time));
}

const char *const vn_dice_distributions[] = { "uniform", "normal", "lognormal", "pareto", NULL };

vn_nsec vn_dice_time(struct vn_dice *d, vn_nsec mean, vn_nsec spread, const char *distribution,
                     const struct vn_table *t)
{
	double m = (double)mean, s = (double)spread, late;

	if (t->n)
		return vn_dice_table(d, t);
	if (!spread)
		return mean;
	if (!strcmp(distribution, "normal"))
		late = m + vn_dice_normal(d) * s;
	else if (!strcmp(distribution, "lognormal"))
		late = vn_dice_lognormal(d, m, s);
	else if (!strcmp(distribution, "pareto"))
		late = vn_dice_pareto(d, m, s);
	else
		late = m + (2 * vn_dice_unit(d) - 1) * s;
	return late < 0 ? 0 : late > 0x1p62 ? VN_NEVER : (vn_nsec)late;
}

void dice_fill(struct vn_dice *d, uint8_t *bytes, size_t n)
{
	for (uint64_t word; n; bytes += n < 8 ? n : 8, n -= n < 8 ? n : 8) {
		word = vn_dice_draw(d);
		memcpy(bytes, &word, n < 8 ? n : 8);
	}
}
