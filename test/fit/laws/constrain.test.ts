/** @file Constants held, tied and bounded: the constrained laws' gradients, their optima, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitCurve, fitLaw, type LawFit, optimum } from '../../../src/fit/fit.ts';
import { constrain } from '../../../src/fit/laws/constrain.ts';
import type { Constraints, Law } from '../../../src/fit/laws/law.ts';
import { curveByName, lawByName } from '../../../src/fit/laws/registry.ts';
import { isoflopGrid, noisy, rectangle, TRUTH } from '../known-law.ts';

const names = (fit: { diagnostics: { name: string }[] }): string[] => fit.diagnostics.map((d) => d.name);

/** Constraints of every kind, on laws with every kind of carrier. */
const CASES: [law: Law<string>, constraints: Constraints][] = [
  [lawByName('chinchilla'), { fix: { E: 1.6 } }],
  [lawByName('chinchilla'), { fix: { E: 0 } }],
  [lawByName('chinchilla'), { fix: { A: 400 } }],
  [lawByName('chinchilla'), { fix: { alpha: 0.3 } }],
  [lawByName('chinchilla'), { tie: [['alpha', 'beta']] }],
  [lawByName('chinchilla'), { tie: [['beta', 'alpha']], fix: { B: 300 } }],
  [lawByName('chinchilla'), { bounds: { alpha: [0.1, 0.6], E: [0, 2], A: [10, 1e4] } }],
  [lawByName('chinchilla'), { bounds: { beta: [0.1, Infinity], alpha: [-Infinity, 0.6], B: [1, Infinity] } }],
  [lawByName('power_mean'), { fix: { q: Infinity }, tie: [['alpha', 'beta']] }],
  [lawByName('power_mean'), { fix: { q: 1 } }],
  [lawByName('kaplan_nd'), { fix: { N_c: 8e13 } }],
  [lawByName('kaplan_nd'), { tie: [['alpha_N', 'alpha_D']], bounds: { N_c: [1e9, 1e15] } }],
  [lawByName('kaplan_ns'), { fix: { S_c: 2e3 }, bounds: { alpha_S: [0.3, 1] } }],
  [lawByName('over_training'), { fix: { a: 100 }, bounds: { eta: [0.05, 0.3] } }],
  [lawByName('data_constrained'), { tie: [['alpha', 'beta']], fix: { R_N_star: 5 } }],
  [curveByName('broken_power_law'), { fix: { d1: 3 }, bounds: { f1: [0.1, 1] } }],
  [curveByName('saturating'), { fix: { alpha: 1 } }],
];

describe.each(CASES.map(([law, constraints]) => [law.name, JSON.stringify(constraints), law, constraints] as const))(
  '%s with %s',
  (_name, _text, base, constraints) => {
    const law = constrain(base, constraints);
    const size = law.coordinates.length;
    const theta = fc.tuple(
      ...law.coordinates.map((name) =>
        /^(alpha|beta|eta|c\d)/.test(name)
          ? fc.double({ min: 0.05, max: 1, noNaN: true })
          : fc.double({ min: -1.3, max: 1.3, noNaN: true }),
      ),
    );
    // Off the round values, where q infinite and N_opt = N have kinks.
    const logs = fc.tuple(
      ...law.inputs.map((_, i) => fc.double({ min: -3, max: 3, noNaN: true }).map((x) => x + 0.137 * (i + 1) ** 2)),
    );

    it('has the gradient of its log loss, at any centre', () => {
      fc.assert(
        fc.property(theta, logs, logs, (at, u, centre) => {
          const own = law.centredAt!(Float64Array.from(centre));
          const gradient = new Float64Array(size);
          const value = own.logLoss(Float64Array.from(at), Float64Array.from(u), gradient);
          fc.pre(Math.abs(value) < 50);
          for (let k = 0; k < size; k++) {
            const h = 1e-5;
            const shifted = (shift: number): number =>
              own.logLoss(
                Float64Array.from(at, (x, j) => (j === k ? x + shift : x)),
                Float64Array.from(u),
                new Float64Array(size),
              );
            const slope = (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h);
            expect(Math.abs(gradient[k]! - slope), law.coordinates[k]).toBeLessThan(
              1e-7 * Math.max(1, Math.abs(slope)),
            );
          }
        }),
        { numRuns: 40 },
      );
    });

    it('is its law at the constants that it reports, which obey the constraints', () => {
      fc.assert(
        fc.property(theta, logs, logs, (at, u, centre) => {
          const c = Float64Array.from(centre);
          const params = law.toParams(Float64Array.from(at), c);
          fc.pre(Object.entries(params).every(([name, x]) => x < 1e200 || constraints.fix?.[name] === x));
          expect(Object.keys(params)).toEqual(base.params);
          for (const [name, value] of Object.entries(constraints.fix ?? {})) expect(params[name]).toBe(value);
          for (const [first, ...others] of constraints.tie ?? [])
            for (const other of others) expect(params[other]).toBe(params[first!]);
          for (const [name, [low, high]] of Object.entries(constraints.bounds ?? {})) {
            expect(params[name]).toBeGreaterThanOrEqual(low);
            expect(params[name]).toBeLessThanOrEqual(high * (1 + 1e-15));
          }
          const scratch = new Float64Array(8);
          const loss = law.centredAt!(c).logLoss(Float64Array.from(at), Float64Array.from(u), scratch);
          const shifted = Float64Array.from(u, (x, i) => x + centre[i]!);
          const whole = base.logLoss(base.fromParams(params, new Float64Array(centre.length)), shifted, scratch);
          expect(Math.abs(loss - whole)).toBeLessThan(1e-8 * Math.max(1, Math.abs(loss)));
        }),
        { numRuns: 40 },
      );
    });
  },
);

describe('fits', () => {
  const points = noisy(isoflopGrid(), 1, 0.005);
  const free = fitLaw(points);

  it('a constant held at its best value leaves the rest where it was', () => {
    for (const name of ['E', 'A', 'alpha'] as const) {
      const fit = fitLaw(points, { fix: { [name]: free.params[name]! } });
      expect(fit.converged).toBe(true);
      expect(fit.num_free).toBe(4);
      expect(fit.objective / free.objective).toBeCloseTo(1, 9);
      for (const [other, value] of Object.entries(free.params))
        expect(fit.params[other]! / value, other).toBeCloseTo(1, 4);
    }
  });

  it('E held elsewhere is reported as it was given, and costs', () => {
    const fit = fitLaw(points, { fix: { E: 1.6 }, bootstrap: 20, cluster: 'runs', keep_draws: true });
    expect(fit.params['E']).toBe(1.6);
    expect(fit.constraints).toEqual({ fix: { E: 1.6 } });
    expect(fit.objective).toBeGreaterThan(free.objective);
    expect(Object.keys(fit.intervals!).sort()).toEqual(['A', 'B', 'a', 'alpha', 'b', 'beta']);
    expect(JSON.parse(JSON.stringify(fit))).toEqual(fit);
    const best = optimum(fit, 1e21);
    expect(best.intervals!.N[0]).toBeLessThan(best.N);
  });

  it('without a floor: E = 0, and no warning of it', () => {
    const fit = fitLaw(points, { fix: { E: 0 } });
    expect(fit.params['E']).toBe(0);
    expect(fit.converged).toBe(true);
    expect(names(fit)).not.toContain('floor_unidentified');
  });

  it('tied exponents are over_training, whose law is the same', () => {
    const tied = fitLaw(points, { tie: [['alpha', 'beta']] });
    expect(tied.params['alpha']).toBe(tied.params['beta']);
    expect(tied.exponents!.a).toBe(0.5);
    const other = fitLaw(points, { law: 'over_training' });
    expect(other.objective / tied.objective).toBeCloseTo(1, 9);
    expect((2 * other.params['eta']!) / tied.params['alpha']!).toBeCloseTo(1, 6);
  });

  it('what is tied to a held constant is held', () => {
    const fit = fitLaw(points, { tie: [['alpha', 'beta']], fix: { beta: 0.3 }, bootstrap: 5, cluster: 'runs' });
    expect(fit.params).toMatchObject({ alpha: 0.3, beta: 0.3 });
    expect(fit.num_free).toBe(3);
    expect(Object.keys(fit.intervals!)).not.toContain('alpha');
  });

  it('power_mean with q = 1 is chinchilla', () => {
    const fit = fitLaw(points, { law: 'power_mean', fix: { q: 1 } });
    expect(fit.objective / free.objective).toBeCloseTo(1, 9);
    expect(fit.params['A']! / free.params['A']!).toBeCloseTo(1, 5);
  });

  it('power_mean with q = infinity finds the larger term of two', () => {
    const exact = rectangle(6, (N, D) => 1.5 + Math.max(300 / N ** 0.35, 900 / D ** 0.33));
    const fit = fitLaw(exact, { law: 'power_mean', fix: { q: Number.POSITIVE_INFINITY }, loss: 'mse' });
    const truth = { E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33 };
    for (const [name, value] of Object.entries(truth)) expect(fit.params[name]! / value, name).toBeCloseTo(1, 4);
  });

  it('bounds that hold the optimum change nothing', () => {
    const fit = fitLaw(points, { bounds: { alpha: [0.1, 0.6], E: [0, 3], A: [1, 1e6] } });
    expect(fit.converged).toBe(true);
    expect(fit.objective / free.objective).toBeCloseTo(1, 9);
    expect(fit.params['alpha']! / free.params['alpha']!).toBeCloseTo(1, 5);
    expect(names(fit)).not.toContain('bound_hit');
  });

  it.each<[string, Constraints['bounds'], Constraints['fix'], string, 'huber' | 'mse']>([
    ['below', { alpha: [0.1, 0.3] }, { alpha: 0.3 }, 'alpha', 'huber'],
    ['above', { alpha: [0.4, 0.6] }, { alpha: 0.4 }, 'alpha', 'mse'],
    ['open above', { E: [1.9, Infinity] }, { E: 1.9 }, 'E', 'mse'],
    ['open below', { E: [0, 1.5] }, { E: 1.5 }, 'E', 'huber'],
    ['an amplitude', { B: [1, 200] }, { B: 200 }, 'B', 'huber'],
  ])('bounds that exclude it, %s: the optimum is that of the end held, and says so', (_, bounds, fix, name, loss) => {
    const fit = fitLaw(points, { bounds, loss });
    const held = fitLaw(points, { fix, loss });
    expect(fit.converged).toBe(true);
    expect(fit.objective / held.objective).toBeCloseTo(1, 8);
    expect(fit.params[name]! / fix![name]!).toBeCloseTo(1, 6);
    expect(names(fit)).toContain('bound_hit');
  });

  it('a floor bounded by zero that the points would have negative is zero, and on its bound', () => {
    const sunk = rectangle(6, (N, D) => 300 / N ** 0.25 + 500 / D ** 0.25 - 0.2);
    const fit = fitLaw(sunk, { loss: 'mse', bounds: { E: [0, 2] } });
    expect(fit.params['E']).toBe(0);
    expect(fit.converged).toBe(true);
    expect(fit.objective / fitLaw(sunk, { loss: 'mse' }).objective).toBeCloseTo(1, 8);
    expect(names(fit)).toEqual(expect.arrayContaining(['bound_hit', 'floor_unidentified']));
  });

  it('curves: held, tied and bounded alike', () => {
    const curve = Array.from({ length: 12 }, (_, i) => ({ x: 1e4 * 2 ** i, L: 1.5 + (1e6 / (1e4 * 2 ** i)) ** 0.4 }));
    const open = fitCurve(curve);
    const held = fitCurve(curve, { fix: { E: 1.5 } });
    expect(held.params['alpha']).toBeCloseTo(0.4, 8);
    expect(held.params['x_c']! / open.params['x_c']!).toBeCloseTo(1, 6);
    expect(fitCurve(curve, { bounds: { alpha: [0.5, 1] } }).params['alpha']).toBeCloseTo(0.5, 6);
    const none = fitCurve(curve, { fix: { E: 0 } });
    const pure = fitCurve(curve, { law: 'kaplan_n' });
    expect(pure.params['alpha_N']! / none.params['alpha']!).toBeCloseTo(1, 6);
    expect(pure.objective / none.objective).toBeCloseTo(1, 9);
    // Two constants need three points, three need four.
    expect(fitCurve(curve.slice(0, 3), { fix: { E: 1.5 } }).converged).toBe(true);
    expect(() => fitCurve(curve.slice(0, 3))).toThrow('too_few_points');
  });

  it('the points needed are counted by the free constants', () => {
    const five = rectangle(3, (N, D) => TRUTH.E + TRUTH.A / N ** 0.34 + TRUTH.B / D ** 0.28).filter((_, i) =>
      [0, 1, 5, 6, 8].includes(i),
    );
    expect(() => fitLaw(five)).toThrow('5 usable points for the 5 constants');
    const fit: LawFit = fitLaw(five, { fix: { E: TRUTH.E } });
    expect(fit.params['alpha']).toBeCloseTo(0.34, 5);
  });
});

describe('refusals', () => {
  it.each<[Constraints, string]>([
    [{ fix: { gamma: 1 } }, 'invalid fix: chinchilla has no constant gamma; it has E, A, B, alpha, beta'],
    [{ fix: { E: -1 } }, 'invalid fix: E = -1, but in chinchilla E is zero or positive'],
    [{ fix: { alpha: 0 } }, 'invalid fix: alpha = 0, but in chinchilla alpha is positive'],
    [{ fix: { beta: Number.NaN } }, 'invalid fix: beta = NaN, but in chinchilla beta is finite'],
    [{ fix: { E: Infinity } }, 'E is finite'],
    [{ fix: { E: 1, A: 1, B: 1, alpha: 0.3, beta: 0.3 } }, 'every constant of chinchilla is fixed'],
    [{ tie: [['alpha', 'gamma']] }, 'invalid tie: chinchilla has no constant gamma'],
    [{ tie: [['alpha']] }, 'invalid tie: alpha is not two or more constants'],
    [{ tie: [['A', 'B']] }, 'A of chinchilla is an amplitude'],
    [{ tie: [['alpha', 'beta']], fix: { alpha: 0.3, beta: 0.4 } }, 'tied to a constant fixed at 0.3'],
    [{ bounds: { alpha: [0.6, 0.1] } }, 'invalid bounds: alpha: 0.6 to 0.1'],
    [{ bounds: { A: [-3, -1] } }, 'but A is positive'],
    [{ bounds: { alpha: [0.1, 0.2], beta: [0.3, 0.4] }, tie: [['alpha', 'beta']] }, 'beta and what is tied to it'],
    [{ bounds: { alpha: [0.1, 0.2] }, fix: { alpha: 0.15 } }, 'alpha is fixed at 0.15 already'],
  ])('%j', (constraints, message) => {
    expect(() => constrain(lawByName('chinchilla'), constraints)).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('a column that the law reads and the points lack', () => {
    expect(() => fitLaw(isoflopGrid(), { law: 'kaplan_ns' })).toThrow(
      expect.objectContaining({
        exit: 'usage',
        message: 'kaplan_ns reads S (training steps), which 49 of 49 points lack; give every point a positive S',
      }),
    );
  });
});
