/** @file The truncated zeta law: sums against brute force and printed values, draws against probabilities. */
import { describe, expect, it } from 'vitest';
import { rankSampler, zipfEntropy, zipfLaw, zipfNll } from '../../src/data/zipf-law.ts';
import { rngStream } from '../../src/lib/rng.ts';

/** Entropy by summing every rank. */
function bruteForceEntropy(tail: number, size: number): number {
  let z = 0;
  let weighted = 0;
  for (let r = size; r >= 1; r--) {
    const p = r ** -(1 + tail);
    z += p;
    weighted += p * Math.log(r);
  }
  return Math.log(z) + ((1 + tail) * weighted) / z;
}

describe('zipf law', () => {
  it.each([0.001, 0.25, 0.5, 1, 3])('equals the direct sum over 300,000 ranks at tail %s', (tail) => {
    expect(zipfEntropy(zipfLaw(tail, 300_000))).toBeCloseTo(bruteForceEntropy(tail, 300_000), 11);
  });

  it.each([1, 2, 7, 9_999, 10_000, 10_001, 10_017])('is exact at %s ranks', (size) => {
    expect(zipfEntropy(zipfLaw(0.5, size))).toBeCloseTo(bruteForceEntropy(0.5, size), 12);
  });

  it('goes on to an endless lexicon: zeta(2) and zeta(3/2)', () => {
    expect(Math.exp(zipfLaw(1, Infinity).log_z)).toBeCloseTo(Math.PI ** 2 / 6, 13);
    expect(Math.exp(zipfLaw(0.5, Infinity).log_z)).toBeCloseTo(2.612375348685488, 12);
    // -zeta'(2) / zeta(2)
    expect(zipfLaw(1, Infinity).mean_log_rank).toBeCloseTo(0.569960993094533, 12);
    expect(zipfLaw(1, 2 ** 48).log_z).toBeCloseTo(zipfLaw(1, Infinity).log_z, 13);
  });

  it.each([
    [0.25, 0.732289],
    [0.3, 0.627457],
    [0.5, 0.402264],
  ])('has the published endless entropy over 8 symbols at tail %s', (tail, printed) => {
    expect(Math.abs(zipfEntropy(zipfLaw(tail, Infinity)) / 8 - printed)).toBeLessThan(0.51e-6);
  });

  it('gives probabilities that sum to one', () => {
    const law = zipfLaw(0.25, 1000);
    let sum = 0;
    for (let r = 1; r <= 1000; r++) sum += Math.exp(-zipfNll(law, r));
    expect(sum).toBeCloseTo(1, 12);
  });

  it.each([0.05, 0.5, 2])('draws ranks by their probabilities at tail %s', (tail) => {
    const law = zipfLaw(tail, 50);
    const draw = rankSampler(law);
    const rng = rngStream(3, 'test');
    const num_draws = 100_000;
    const counts = new Float64Array(51);
    for (let i = 0; i < num_draws; i++) counts[draw(rng)]!++;
    // Ranks are pooled from the top until each cell expects 20; chi-square then has mean df, variance 2 df.
    let chi2 = 0;
    let num_cells = 0;
    let expected = 0;
    let seen = 0;
    for (let r = 1; r <= 50; r++) {
      expected += num_draws * Math.exp(-zipfNll(law, r));
      seen += counts[r]!;
      if (expected < 20 && r < 50) continue;
      chi2 += (seen - expected) ** 2 / expected;
      num_cells++;
      expected = 0;
      seen = 0;
    }
    const df = num_cells - 1;
    expect(chi2).toBeLessThan(df + 4 * Math.sqrt(2 * df));
    expect(counts[0]).toBe(0);
  });

  it('reaches ranks far beyond 32 bits, whole and within the lexicon', () => {
    const draw = rankSampler(zipfLaw(0.05, 2 ** 40));
    const rng = rngStream(4, 'test');
    const ranks = Array.from({ length: 2000 }, () => draw(rng));
    expect(ranks.every((rank) => Number.isSafeInteger(rank) && rank >= 1 && rank <= 2 ** 40)).toBe(true);
    // At this tail an eighth of the mass lies beyond 2^33, and odd ranks must be as frequent as even ones.
    const large = ranks.filter((rank) => rank > 2 ** 33);
    expect(large.length).toBeGreaterThan(100);
    const share_odd = large.filter((rank) => rank % 2 === 1).length / large.length;
    expect(Math.abs(share_odd - 0.5)).toBeLessThan(4 * 0.5 * Math.sqrt(1 / large.length));
  });
});
