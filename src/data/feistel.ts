/** @file Seeded permutations of 0 .. n-1 that need no table: a Feistel network of four rounds.
 * Two users: the synthetic language spells rank r as the permuted number of r, and the order of training
 * windows is a permutation of their indices. Being computed, not stored, both are pure functions of a seed.
 * The round function is the 32-bit finaliser of MurmurHash3 (public domain), keyed by addition.
 * Ranges that are not a power of four are cut out by cycle walking (Black & Rogaway 2002).
 */
import type { Rng } from '../lib/rng.ts';

const NUM_ROUNDS = 4;

/** A permutation of 0 .. 4^half_bits - 1. */
export interface Feistel {
  /** Bits of one half, 1 .. 26: 2 x 26 bits still fit a double exactly. */
  half_bits: number;
  /** One 32-bit key a round. */
  keys: readonly number[];
}

/** A permutation of 0 .. 4^half_bits - 1 with keys drawn from `rng`. */
export function feistel(half_bits: number, rng: Rng): Feistel {
  return { half_bits, keys: Array.from({ length: NUM_ROUNDS }, () => Math.floor(rng() * 2 ** 32)) };
}

function mix(half: number, key: number): number {
  let h = (half + key) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The image of `x`; each round maps `(left, right)` to `(right, left xor mix(right, key))`. */
export function permute({ half_bits, keys }: Feistel, x: number): number {
  const span = 2 ** half_bits;
  let left = Math.floor(x / span);
  let right = x - left * span;
  for (let i = 0; i < keys.length; i++) {
    const next = (left ^ mix(right, keys[i]!)) & (span - 1);
    left = right;
    right = next;
  }
  return left * span + right;
}

/** The inverse of `permute`. */
export function unpermute({ half_bits, keys }: Feistel, y: number): number {
  const span = 2 ** half_bits;
  let left = Math.floor(y / span);
  let right = y - left * span;
  for (let i = keys.length - 1; i >= 0; i--) {
    const previous = (right ^ mix(left, keys[i]!)) & (span - 1);
    right = left;
    left = previous;
  }
  return left * span + right;
}

/** A permutation of 0 .. n-1 (n up to 2^52), as a function; on average under four network calls each. */
export function permutationBelow(n: number, rng: Rng): (x: number) => number {
  const half_bits = Math.max(1, Math.ceil(Math.log2(n) / 2));
  const network = feistel(half_bits, rng);
  return (x) => {
    let y = permute(network, x);
    while (y >= n) y = permute(network, y);
    return y;
  };
}
