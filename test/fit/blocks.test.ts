/** @file Laws by the block: the same losses, derivatives and curvatures as point by point, constrained and pinned too. */
import { describe, expect, it } from 'vitest';
import { chinchilla } from '../../src/fit/laws/chinchilla.ts';
import { constrain } from '../../src/fit/laws/constrain.ts';
import { BLOCK, type Law } from '../../src/fit/laws/law.ts';
import { rawLoss } from '../../src/fit/laws/raw-loss.ts';
import { evaluate, hessian } from '../../src/fit/minimise/objective.ts';
import { pinned } from '../../src/fit/minimise/pinned.ts';
import { makeProblem, type Problem } from '../../src/fit/minimise/problem.ts';
import { isoflopGrid, noisy, rectangle, TRUTH, trueLoss } from './known-law.ts';

const LOSSES = [
  { name: 'huber', delta: 5e-3 },
  { name: 'mse', delta: Number.POSITIVE_INFINITY },
] as const;
/** More points than one block holds, and not a multiple of it. */
const points = noisy(rectangle(25, trueLoss), 1, 0.01);

const tied = constrain(chinchilla, { tie: [['alpha', 'beta']] });
const fixed = constrain(chinchilla, { fix: { A: 406.4 }, bounds: { beta: [0.2, 0.4] } });

/** The law without its blocks. */
const pointwise = ({ block: _block, ...law }: Law<string>): Law<string> => law;

function starts(problem: Problem): Float64Array[] {
  const all = [...problem.law.starts(problem.centre, 1)];
  const some = all.filter((_, i) => i % Math.ceil(all.length / 40) === 0);
  const without = problem.law.optional_terms.map((k) => some[3]!.map((x, j) => (j === k ? -Infinity : x)));
  return [...some, ...without];
}

describe.each([
  ['chinchilla', chinchilla],
  ['with tied exponents', tied],
  ['with a held amplitude and a bounded exponent', fixed],
] as const)('%s', (_, law) => {
  const problem = makeProblem(law, points);
  const slow = { ...problem, law: pointwise(problem.law) };
  const size = problem.law.coordinates.length;

  it('gives the same objective and gradient by the block', () => {
    expect(points.length).toBeGreaterThan(BLOCK);
    expect(problem.law.block?.of).toBe(problem.law.logLoss);
    for (const loss of LOSSES)
      for (const theta of starts(problem)) {
        const [fast, reference, scale] = [0, 1, 2].map(() => new Float64Array(size));
        const value = evaluate(problem, loss, theta, fast!);
        expect(value / evaluate(slow, loss, theta, reference!, scale)).toBeCloseTo(1, 12);
        for (let k = 0; k < size; k++)
          expect(Math.abs(fast![k]! - reference![k]!)).toBeLessThanOrEqual(1e-12 * Math.max(...scale!));
      }
  });

  it('gives the same Hessian', () => {
    const theta = law.fromParams(TRUTH, problem.centre);
    const free = [...theta.keys()];
    for (const loss of LOSSES) {
      const { matrix, scale } = hessian(problem, loss, theta, free);
      const fast = Float64Array.from(matrix);
      const reference = hessian(slow, loss, theta, free).matrix;
      // The reference has its curvature from differences.
      for (const [i, h] of reference.entries()) expect(Math.abs(h - fast[i]!)).toBeLessThan(1e-5 * Math.max(...scale));
    }
  });
});

describe('laws made of another law', () => {
  it('with another loss do not use its blocks', () => {
    const raw = rawLoss(chinchilla);
    const problem = makeProblem(raw, isoflopGrid());
    const theta = chinchilla.fromParams(TRUTH, problem.centre);
    expect(evaluate(problem, LOSSES[1], theta, new Float64Array(5))).toBeLessThan(1e-25);
  });

  it('with a quantity held have blocks of their own', () => {
    const problem = makeProblem(chinchilla, points);
    const at = chinchilla.fromParams(TRUTH, problem.centre);
    for (const [name, value] of [
      ['a', 0.5],
      ['E', 1.5],
      ['E', 0],
      ['beta', 0.3],
    ] as const) {
      const held = pinned(problem.law, problem.centre, { name, value, at })!;
      const [fast, reference] = [new Float64Array(4), new Float64Array(4)];
      const theta = held.reduce(at);
      const value_fast = evaluate({ ...problem, law: held.law }, LOSSES[1], theta, fast);
      const value_slow = evaluate({ ...problem, law: pointwise(held.law) }, LOSSES[1], theta, reference);
      expect(held.law.block?.of, name).toBe(held.law.logLoss);
      expect(value_fast / value_slow).toBeCloseTo(1, 12);
      fast.forEach((g, k) => {
        expect(g).toBeCloseTo(reference[k]!, 9);
      });
    }
  });
});
