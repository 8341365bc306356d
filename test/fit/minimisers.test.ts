/** @file The minimisers on their own: L-BFGS, Newton, least squares with signs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { householder, leastSquares } from '../../src/fit/math/householder.ts';
import { nnls } from '../../src/fit/math/nnls.ts';
import { type Differentiable, lbfgs } from '../../src/fit/minimise/lbfgs.ts';
import { newton, solve } from '../../src/fit/minimise/newton.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const small = (tolerance: number) => (_x: Float64Array, _v: number, g: Float64Array) => Math.hypot(...g) < tolerance;

/** Rosenbrock's valley in n dimensions; minimum 0 at ones. */
const rosenbrock: Differentiable = (x, g) => {
  g.fill(0);
  let value = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const bend = x[i + 1]! - x[i]! ** 2;
    value += 100 * bend ** 2 + (1 - x[i]!) ** 2;
    g[i]! += -400 * x[i]! * bend - 2 * (1 - x[i]!);
    g[i + 1]! += 200 * bend;
  }
  return value;
};

describe('lbfgs', () => {
  it.each([2, 5, 10])("finds the bottom of Rosenbrock's valley in %i dimensions", (n) => {
    const start = Float64Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1.2));
    const found = lbfgs(rosenbrock, start, { done: small(1e-9) });
    expect(found.reason).toBe('done');
    expect(found.iterations).toBeLessThan(150);
    for (const x of found.x) expect(x).toBeCloseTo(1, 8);
  });

  it('goes around a region where the function is not finite', () => {
    // x - log x, minimum at 1; NaN or infinite for x <= 0, which the first long steps enter.
    const f: Differentiable = (x, g) => {
      g[0] = 1 - 1 / x[0]!;
      return x[0]! - Math.log(x[0]!);
    };
    expect(lbfgs(f, Float64Array.of(30), { done: small(1e-10) }).x[0]).toBeCloseTo(1, 8);
  });

  it('says stalled, not done, at a corner, and limit when out of iterations', () => {
    const corner: Differentiable = (x, g) => {
      g[0] = Math.sign(x[0]!);
      return Math.abs(x[0]!);
    };
    const found = lbfgs(corner, Float64Array.of(3.3), { done: small(1e-9) });
    expect(found.reason).toBe('stalled');
    expect(Math.abs(found.x[0]!)).toBeLessThan(1e-6);
    expect(lbfgs(rosenbrock, Float64Array.of(-1.2, 1), { done: () => false, max_iterations: 3 })).toMatchObject({
      reason: 'limit',
      iterations: 3,
    });
  });

  it('leaves a start without a finite value where it is', () => {
    const found = lbfgs(() => Number.NaN, Float64Array.of(1), { done: () => true });
    expect(found).toMatchObject({ reason: 'stalled', iterations: 0 });
  });
});

describe('newton', () => {
  const hessian = ([x, y]: Float64Array) => ({
    matrix: Float64Array.of(1200 * x! ** 2 - 400 * y! + 2, -400 * x!, -400 * x!, 200),
    scale: Float64Array.of(1, 1),
  });

  it('reaches rounding error where the Hessian is not positive definite on the way', () => {
    expect(solve(hessian(Float64Array.of(0, 1)).matrix, Float64Array.of(1, 1))).toBeNull();
    const found = newton(rosenbrock, Float64Array.of(0, 1), { hessian, done: small(1e-13) });
    expect(found.value).toBeLessThan(1e-25);
    expect(found.iterations).toBeLessThan(30);
  });

  it('never goes up', () => {
    const wrong = () => ({ matrix: Float64Array.of(-1, 0, 0, -1), scale: Float64Array.of(1, 1) });
    const start = Float64Array.of(-1.2, 1);
    const found = newton(rosenbrock, start, { hessian: wrong, done: small(1e-12), max_iterations: 20 });
    expect(found.value).toBeLessThan(rosenbrock(start, new Float64Array(2)));
  });
});

describe('least squares', () => {
  it('agrees with a solution known in closed form', () => {
    // y = 2 - 3 t + noise orthogonal to both columns.
    const rows = [-1, 0, 1].flatMap((t, i) => [1, t, 2 - 3 * t + [1, -2, 1][i]!]);
    const { solution, sum_squares } = leastSquares(Float64Array.from(rows), 2);
    expect([...solution].map((x) => Number(x.toFixed(12)))).toEqual([2, -3]);
    expect(sum_squares).toBeCloseTo(6, 12);
  });

  it('passes NaN on, and gives a spanned column the coefficient 0', () => {
    expect(leastSquares(Float64Array.of(1, 2, Number.NaN, 4), 1).solution[0]).toBeNaN();
    const twice = leastSquares(Float64Array.from([1, 2, 3].flatMap((t) => [t, 2 * t, 5 * t])), 2);
    expect(twice.solution[1]).toBe(0);
    expect(twice.solution[0]).toBeCloseTo(5, 10);
  });

  it('keeps the lengths of all columns', () => {
    const matrix = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i + 1));
    const triangle = householder(Float64Array.from(matrix), 5, 3);
    for (let j = 0; j < 3; j++) {
      const before = [0, 1, 2, 3, 4].reduce((sum, i) => sum + matrix[i * 3 + j]! ** 2, 0);
      const after = [0, 1, 2].reduce((sum, i) => sum + triangle[i * 3 + j]! ** 2, 0);
      expect(after).toBeCloseTo(before, 12);
    }
  });

  it('non-negative: agrees with SciPy where two of three columns are shut out', () => {
    const rows = [1, 2, 3, 1, 2, 1, 0.5, 2, 0, 1, 4, -1, 1, 1, 1, 0.5];
    const { amplitudes, sum_squares } = nnls(Float64Array.from(rows), 3);
    expect([...amplitudes]).toEqual([expect.closeTo(0.9166666666666666, 12), 0, 0]);
    expect(Math.sqrt(sum_squares)).toBeCloseTo(1.09924216318941, 12);
  });

  it('non-negative: meets the Karush-Kuhn-Tucker conditions on random problems', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 4 }), (seed, k) => {
        const rng = rngStream(seed, 'nnls');
        const rows = Float64Array.from({ length: 12 * (k + 1) }, () => normal(rng));
        const { amplitudes, sum_squares } = nnls(Float64Array.from(rows), k);
        const residual = Array.from({ length: 12 }, (_, i) =>
          amplitudes.reduce((sum, a, j) => sum + a * rows[i * (k + 1) + j]!, -rows[i * (k + 1) + k]!),
        );
        expect(residual.reduce((sum, r) => sum + r * r, 0)).toBeCloseTo(sum_squares, 10);
        amplitudes.forEach((a, j) => {
          const slope = residual.reduce((sum, r, i) => sum + r * rows[i * (k + 1) + j]!, 0);
          expect(a).toBeGreaterThanOrEqual(0);
          if (a > 0) expect(slope).toBeCloseTo(0, 9);
          else expect(slope).toBeGreaterThan(-1e-9);
        });
      }),
    );
  });
});
