/* SPDX-License-Identifier: BSD-2-Clause
 * Random bytes by ChaCha20 (RFC 8439, 2.3) with fast key erasure: each request takes one block of
 * keystream, of which the first half replaces the generator's key at once and the second half
 * becomes the key of the request's own stream. So what was handed out cannot be computed from what
 * memory holds later, and a long request runs without the lock.
 *
 * random_lock protects the key and the counter of requests; nothing is taken under it. Fresh
 * entropy is stirred in at the first request and every RESEED_REQUESTS after.
 */
#include "kernel/core/random.h"

#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"

#define KEY_WORDS       8
#define BLOCK_WORDS     16
#define BLOCK_SIZE      (BLOCK_WORDS * sizeof(uint32_t))
#define RESEED_REQUESTS 1024

static struct spinlock random_lock = SPINLOCK_INIT("random");
static uint32_t key[KEY_WORDS];
static unsigned requests;

static inline uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static ALWAYS_INLINE void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b, *d = rotate(*d ^ *a, 16);
	*c += *d, *b = rotate(*b ^ *c, 12);
	*a += *b, *d = rotate(*d ^ *a, 8);
	*c += *d, *b = rotate(*b ^ *c, 7);
}

static void chacha20_block(const uint32_t k[KEY_WORDS], uint64_t counter, uint32_t out[BLOCK_WORDS])
{
	uint32_t s[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, k[0], k[1],
		k[2], k[3], k[4], k[5], k[6], k[7], (uint32_t)counter, (uint32_t)(counter >> 32), 0,
		0 };

	memcpy(out, s, sizeof(s));
	for (unsigned i = 0; i < 10; i++) {
		quarter_round(&out[0], &out[4], &out[8], &out[12]);
		quarter_round(&out[1], &out[5], &out[9], &out[13]);
		quarter_round(&out[2], &out[6], &out[10], &out[14]);
		quarter_round(&out[3], &out[7], &out[11], &out[15]);
		quarter_round(&out[0], &out[5], &out[10], &out[15]);
		quarter_round(&out[1], &out[6], &out[11], &out[12]);
		quarter_round(&out[2], &out[7], &out[8], &out[13]);
		quarter_round(&out[3], &out[4], &out[9], &out[14]);
	}
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		out[i] += s[i];
}

/* Mixes 32 bytes into the key: the old key's keystream keeps what was in it before. */
static void stir_locked(const uint32_t seed[KEY_WORDS])
{
	uint32_t block[BLOCK_WORDS];

	for (unsigned i = 0; i < KEY_WORDS; i++)
		key[i] ^= seed[i];
	chacha20_block(key, 0, block);
	memcpy(key, block, sizeof(key));
}

void random_stir(const void *buf, size_t n)
{
	const uint8_t *p = buf;

	while (n > 0) {
		uint32_t seed[KEY_WORDS] = { 0 };
		size_t chunk = MIN(n, sizeof(seed));

		memcpy(seed, p, chunk);
		spin_lock(&random_lock);
		stir_locked(seed);
		spin_unlock(&random_lock);
		p += chunk;
		n -= chunk;
	}
}

static void request_key(uint32_t out[KEY_WORDS])
{
	uint32_t block[BLOCK_WORDS];

	spin_lock(&random_lock);
	if (requests++ % RESEED_REQUESTS == 0) {
		uint32_t seed[KEY_WORDS];

		arch_entropy(seed);
		stir_locked(seed);
	}
	chacha20_block(key, 1, block);
	memcpy(key, block, sizeof(key));
	spin_unlock(&random_lock);
	memcpy(out, block + KEY_WORDS, sizeof(key));
}

void random_bytes(void *buf, size_t n)
{
	uint32_t k[KEY_WORDS], block[BLOCK_WORDS];
	uint8_t *p = buf;

	request_key(k);
	for (uint64_t counter = 0; n > 0; counter++) {
		size_t chunk = MIN(n, BLOCK_SIZE);

		chacha20_block(k, counter, block);
		memcpy(p, block, chunk);
		p += chunk;
		n -= chunk;
	}
}
