/** @file Many points by their distinct inputs: the same objective, derivatives and refits as point by point. */
import { describe, expect, it } from 'vitest';
import { lawByName } from '../../src/fit/laws/registry.ts';
import { robustLoss } from '../../src/fit/minimise/loss.ts';
import { evaluate, hessian } from '../../src/fit/minimise/objective.ts';
import { makeProblem, type Problem, reweighted } from '../../src/fit/minimise/problem.ts';
import { normal, randomInt, rngStream } from '../../src/lib/rng.ts';

const rng = rngStream(0, 'cells');
const points = Array.from({ length: 1500 }, (_, i) => {
  const N = 1e4 * 2 ** (i % 5);
  const D = 1e5 * 3 ** (i % 7);
  const L = (0.4 + 12 / N ** 0.5 + 9 / D ** 0.4) * Math.exp(0.003 * normal(rng));
  return { N, D, C: 6 * N * D, L, weight: 1 + (i % 3) };
});
const law = lawByName('chinchilla');
const loss = robustLoss('huber', 3e-3);
const problem = makeProblem(law, points);
const theta = law.fromParams({ E: 0.41, A: 13, alpha: 0.51, B: 8.5, beta: 0.39 }, problem.centre);

/** Value, gradient, what cancels in it, Hessian and scales, as one list. */
function all(of: Problem): number[] {
  const [gradient, cancellation] = [new Float64Array(5), new Float64Array(5)];
  const value = evaluate(of, loss, theta, gradient, cancellation);
  const { matrix, scale } = hessian(of, loss, theta, [0, 1, 2, 3, 4]);
  return [value, ...gradient, ...cancellation, ...matrix, ...scale];
}

function expectSame(of: Problem): void {
  const single = all({ ...of, cells: null });
  const size = Math.max(...single.map(Math.abs));
  all(of).forEach((x, i) => {
    expect(Math.abs(x - single[i]!)).toBeLessThan(1e-13 * size);
  });
}

describe('cells', () => {
  it('are made of many points that repeat, and of no others', () => {
    expect(problem.cells?.u).toHaveLength(35);
    expect(makeProblem(law, points.slice(0, 1000)).cells).toBeNull();
    expect(
      makeProblem(
        law,
        points.map((p, i) => ({ ...p, D: p.D + i })),
      ).cells,
    ).toBeNull();
  });

  it('give the same objective and derivatives', () => expectSame(problem));

  it('also of a resample, where some points and whole cells are absent', () => {
    const factor = points.map((_, i) => (i % 5 === 2 ? 0 : randomInt(rng, 3)));
    const resample = reweighted(problem, factor);
    expect(resample.cells!.u).toHaveLength(28);
    expect(resample.cells!.weight).toHaveLength(factor.filter((times) => times > 0).length);
    expectSame(resample);
  });
});
