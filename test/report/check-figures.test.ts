/** @file The figures of checks: what is plotted of what went in, the cases without data, and any numbers at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  criticalBatchFigure,
  curveFits,
  envelope,
  errorByDistance,
  halfFit,
  holdOutErrors,
  lossFrontier,
  profiles,
  sensitivity,
} from '../../src/report/report.ts';
import { BUDGETS, curve, law, RUNS } from './sample.ts';
import { expectInside, expectSound } from './sound.ts';

type Input<F> = F extends (input: infer I) => string ? I : never;
type Profile = Input<typeof profiles>['profiles'][number];

/** A parabola of the rise about 2, with its interval at 1 and 3; open where told. */
function profile(changes: Partial<Profile> = {}): Profile {
  const values = Array.from({ length: 17 }, (_, i) => 0.4 + 0.2 * i);
  const curve = values.map((value) => ({ value, statistic: 3 * (value - 2) ** 2 }));
  const open = { low: false, high: false };
  return { param: 'alpha', value: 2, interval: [1, 3], open, level: 0.9, threshold: 3, curve, ...changes };
}

const CURVES = RUNS.map((run, i) => ({
  id: `run-${i}`,
  N: run.N,
  points: curve(run).map(({ tokens, loss }) => ({ C: 6 * run.N * tokens, L: loss })),
}));
const STEPS = [4, 5, 6].map((i, k) => {
  const C = [1e9 * 8 ** k, 1e9 * 8 ** (k + 1)] as [number, number];
  return { id: `run-${i}`, N: RUNS[i]!.N, C, L: [2 - 0.3 * k, 1.8 - 0.3 * k] as [number, number], interior: k > 0 };
});
const FRONTIER = [1e10, 4e10, 1.6e11, 6e11, 1.6e12].map((C, i) => {
  const L = 1.5 - 0.2 * i;
  return { C, L, interval: [L - 0.02, L + 0.02] as [number, number] };
});
const COLUMNS = (['N', 'D'] as const).map((symbol) => ({
  symbol,
  title: 'quantity',
  heading: 'all alike',
  constants: [{ name: 'alpha', value: 0.345, interval: [0.321, 0.377] as [number, number] }],
  points: RUNS.map((r) => ({ x: r[symbol], L: 1 + r[symbol] ** -0.3 })),
  lines: [{ at: (x: number) => 1 + x ** -0.3, band: [] }],
}));
const HYPERBOLAS = [2, 2.5, 3, 4].map((L) => ({
  N: 1,
  L,
  B_crit: 2e8 / L ** (1 / 0.21),
  batches: [1e4, 1e5, 1e6, 1e7].map((B) => ({ B, S: 1000 * (1 + 2e8 / L ** (1 / 0.21) / B) })),
}));

const SAMPLES: Record<string, () => string> = {
  profiles: () => profiles({ profiles: [profile(), profile({ param: 'E', open: { low: true, high: false } })] }),
  envelope: () =>
    envelope({ curves: CURVES, steps: STEPS, fit: { coefficient: 0.5, exponent: 0.4, interval: [0.31, 0.52] } }),
  'loss-frontier': () => lossFrontier({ runs: RUNS, frontier: FRONTIER, floor: { value: 0.4, label: 'entropy' } }),
  'curve-fits': () => curveFits({ columns: COLUMNS }),
  sensitivity: () =>
    sensitivity({
      panels: [
        { title: 'sizes', scale: 'linear', points: [5, 6, 7].map((x) => ({ x, a: 0.4, interval: null })), chosen: 7 },
        {
          title: 'tokens',
          scale: 'log',
          points: [1e5, 1e6].map((x) => ({ x, a: 0.5, interval: [0.4, 0.6] })),
          chosen: 1e5,
        },
      ],
      theory: { label: 'theory', a: 0.44 },
    }),
  'hold-out': () =>
    holdOutErrors({
      laws: ['one', 'two'].map((name, i) => ({
        law: name,
        rms: 0.01 * (i + 1),
        fitted_rms: 0.004,
        runs: RUNS.slice(8).map(({ L }) => ({ L, predicted: L * (1.01 + 0.01 * i), interval: [L, 1.03 * L] })),
      })),
    }),
  'error-by-distance': () =>
    errorByDistance({
      laws: ['one', 'two'].map((name, i) => ({
        law: name,
        runs: Array.from({ length: 12 }, (_, k) => ({ decades: 0.1 * k, error: 0.01 * (i + 1) * (1 + k) })),
      })),
    }),
  'half-fit': () =>
    halfFit({
      runs: RUNS.map(({ C, L, N, D }) => ({ C, residual: Math.log(L / law(N, D)) })),
      fitted_to: 4e10,
      mean: -0.013,
      interval: [-0.021, -0.006],
      level: 0.9,
    }),
  'critical-batch': () =>
    criticalBatchFigure({ hyperbolas: HYPERBOLAS, B_star: 2e8, alpha_B: 0.21, interval: [0.19, 0.23] }),
};

/** Circles of a fill; dots without one are rings. */
const circles = (svg: string, fill: string): number => {
  const groups = [...svg.matchAll(/<g aria-label="dot"([^>]*)>(.*?)<\/g>/gs)];
  return groups.flatMap(([, of, inner]) =>
    [...inner!.matchAll(/<circle[^>]*>/g)].filter(([circle]) =>
      (circle.includes('fill=') ? circle : of!).includes(`fill="${fill}"`),
    ),
  ).length;
};
const lines = (svg: string): number => [...svg.matchAll(/<g aria-label="line"[^>]*><path d="[^"]+"/g)].length;
const BLUE = '#0072b2';
const WHITE = '#ffffff';

describe.each(Object.keys(SAMPLES))('%s', (name) => {
  it('is sound and inside its sheet', () => {
    const svg = SAMPLES[name]!();
    expectSound(svg);
    expectInside(svg);
  });
});

describe('what is plotted', () => {
  it('profiles: a best value each, ends where they are, an arrow and a word where a side is open', () => {
    const svg = SAMPLES['profiles']!();
    expect(circles(svg, BLUE)).toBe(2);
    expect(svg).toContain(' = 2.00 [1.00, 3.00]');
    expect(svg).toContain(' = 2.00 [open, 3.00]');
    expect(svg.match(/open: not bounded/g)).toHaveLength(1);
    expect(svg.match(/90% threshold/g)).toHaveLength(2);
    // Dashed uprights: two for the closed one, one for the open one.
    expect(svg.match(/<g aria-label="link".*?<\/g>/gs)!.map((g) => g.match(/<path/g)!.length)).toEqual([2, 1]);
  });

  it('profiles: a rise without bound is cut at the edge, a constant that spans decades gets a log axis', () => {
    const wide = [1, 10, 100, 1e3, 1e4].map((value, i) => ({ value, statistic: i === 4 ? Infinity : 0.1 * i }));
    const svg = profiles({ profiles: [profile({ param: 'R_D_star', value: 10, curve: wide })] });
    expectSound(svg);
    expect(svg).toContain('<tspan font-style="italic">R</tspan>');
    expect(svg.match(/10<\/tspan><tspan[^>]*>3<|>1000</)).not.toBeNull();
  });

  it('envelope: every run, every stretch in both panels, edges grey, the exponent', () => {
    const svg = SAMPLES['envelope']!();
    expect(lines(svg)).toBe(CURVES.length + 2 * STEPS.length + 1);
    expect(svg.match(/stroke="#8c959f" stroke-width="4"/g)).toHaveLength(3);
    expect(svg).toContain(' = 0.40 [0.31, 0.52]');
  });

  it('frontier: the best run of each budget is ringed, the part beyond the runs dashed, its end named', () => {
    const svg = SAMPLES['loss-frontier']!();
    const best = BUDGETS.filter((C, i) => {
      const lowest = (of: readonly number[]): number =>
        Math.min(...RUNS.filter((r) => of.includes(r.C)).map((r) => r.L));
      return i === 0 || lowest([C]) < lowest(BUDGETS.slice(0, i));
    });
    expect(circles(svg, 'none')).toBe(best.length);
    expect(svg.match(/aria-label="line"[^>]*stroke-dasharray="6,4"/g)).toHaveLength(1);
    expect(svg).toContain(' = 0.700 [0.680, 0.720] at 1.6e12 FLOPs');
    expect(svg).toContain('entropy 0.400');
    expect(lossFrontier({ runs: RUNS, frontier: FRONTIER.slice(0, 3) })).not.toContain('extrapolated');
  });

  it('frontier: a floor far below the runs is left out, so that it does not squeeze them', () => {
    const floor = { value: 0.01, label: 'floor' };
    const runs = [1, 2].map((k) => ({ N: 10, C: 1e10 * k, L: 3 - 0.1 * k }));
    expect(lossFrontier({ runs, frontier: [], floor })).not.toContain('floor 0.01');
  });

  it('curves: runs above and residuals below in each column, constants with intervals', () => {
    const svg = SAMPLES['curve-fits']!();
    expect(circles(svg, '#1f2328')).toBe(2 * 2 * RUNS.length);
    // Drawn, and spoken in the description.
    expect(svg.match(/ = 0.345 \[0.321, 0.377\]/g)).toHaveLength(2 * 2);
    const [first] = COLUMNS;
    const broken = { label: 'with a break', at: (x: number) => 1.01 + x ** -0.3 };
    const two = curveFits({ columns: [{ ...first!, lines: [{ ...first!.lines[0]!, label: 'without' }, broken] }] });
    for (const word of ['>without<', '>with a break<']) expect(two).toContain(word);
  });

  it('curves: a mark is an upright in both panels with its interval, and in words; off the axis nothing', () => {
    const [first] = COLUMNS;
    const xs = first!.points.map(({ x }) => x);
    const middle = Math.sqrt(Math.min(...xs) * Math.max(...xs));
    const marked = (x: number, interval: [number, number] | null): string =>
      curveFits({ columns: [{ ...first!, mark: { x, interval, label: 'break here' } }] });
    const uprights = (svg: string) => svg.match(/<g aria-label="rule"[^>]*stroke-dasharray="2,3"/g)?.length ?? 0;
    const bands = (svg: string) => svg.match(/<g aria-label="rect"/g)?.length ?? 0;
    // The right end of the interval lies beyond the axis.
    const svg = marked(middle, [0.9 * middle, 1e30]);
    expectInside(svg);
    expect([uprights(svg), bands(svg), svg.split('>break here<').length - 1]).toEqual([2, 2, 1]);
    expect([uprights(marked(middle, null)), bands(marked(middle, null))]).toEqual([2, 0]);
    const off = marked(1e20, [1e19, 1e21]);
    expect([uprights(off), bands(off), off.includes('break here')]).toEqual([0, 0, false]);
  });

  it('sensitivity: one dot a choice, the chosen one filled, references named once', () => {
    const svg = SAMPLES['sensitivity']!();
    expect([circles(svg, BLUE), circles(svg, WHITE)]).toEqual([2, 3]);
    for (const words of ['>Kaplan 0.73<', '>Hoffmann 0.50<', '>theory 0.44<']) expect(svg.split(words)).toHaveLength(2);
    // Counts have whole numbers on their axis.
    expect(svg).not.toContain('>5.5<');
  });

  it('hold-out: a law a column in two panels, its error in words', () => {
    const svg = SAMPLES['hold-out']!();
    for (const color of [BLUE, '#d55e00']) expect(circles(svg, color)).toBe(2 * 4);
    for (const words of ['rms error 1.0%', 'rms error 2.0%']) expect(svg).toContain(words);
  });

  it('error by distance: all runs, and bins that never split one distance', () => {
    const runs = Array.from({ length: 20 }, (_, k) => ({ decades: k < 12 ? 0.3 : 0.6, error: k < 12 ? 0.01 : -0.04 }));
    const svg = errorByDistance({ laws: [{ law: 'one', runs }] });
    expect(circles(svg, BLUE)).toBe(20 + 2);
    expect(svg).toContain('>one, 4.0%<');
  });

  it('half fit: two kinds of runs, the mean of the later ones in words', () => {
    const svg = SAMPLES['half-fit']!();
    expect([circles(svg, WHITE), circles(svg, '#d55e00')]).toEqual([8, 4]);
    expect(svg).toContain('mean −1.3% [−2.1, −0.60]');
  });

  it('critical batch: a hyperbola a loss through its batches, of one size where there are several', () => {
    const svg = SAMPLES['critical-batch']!();
    expect(circles(svg, WHITE)).toBe(4);
    expect(svg).toContain(' = 0.210 [0.190, 0.230]');
    const two = [...HYPERBOLAS, { ...HYPERBOLAS[0]!, N: 2, L: 2.2 }];
    const both = criticalBatchFigure({ hyperbolas: two, B_star: 2e8, alpha_B: 0.21, interval: null });
    expect(lines(both)).toBe(lines(svg));
    expect(circles(both, WHITE)).toBe(5);
  });
});

describe('without data', () => {
  it('says so in words', () => {
    const empty: [string, RegExp][] = [
      [profiles({ profiles: [] }), /No constant/],
      [profiles({ profiles: [profile({ threshold: 0 })] }), /No constant/],
      [envelope({ curves: [], steps: [], fit: null }), /No run/],
      [lossFrontier({ runs: [], frontier: [] }), /No run/],
      [curveFits({ columns: [] }), /No law/],
      [sensitivity({ panels: [{ title: '', scale: 'log', points: [], chosen: null }] }), /No choice/],
      [holdOutErrors({ laws: [{ law: 'one', rms: 0, fitted_rms: 0, runs: [] }] }), /No law/],
      [errorByDistance({ laws: [{ law: 'one', runs: [{ decades: 1, error: 0 }] }] }), /No run/],
      [halfFit({ runs: [], fitted_to: 1, mean: 0, interval: null, level: 0.9 }), /No half/],
      [criticalBatchFigure({ hyperbolas: [], B_star: 1, alpha_B: 1, interval: null }), /No loss/],
    ];
    for (const [svg, message] of empty) {
      expectSound(svg);
      expect(svg).toMatch(message);
    }
  });
});

describe('any numbers', () => {
  const number = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: 1e-3, max: 1e13, noNaN: true }) },
    fc.double(),
    fc.constantFrom(0, -1, 1e-300, 1e300, Number.NaN, Number.POSITIVE_INFINITY),
  );
  const pair = fc.tuple(number, number);
  const interval = fc.option(pair, { nil: null });
  const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 6 });
  const check = <T>(input: fc.Arbitrary<T>, draw: (input: T) => string): void =>
    fc.assert(
      fc.property(input, (value) => expectSound(draw(value))),
      { numRuns: 20 },
    );

  it('profiles', () => {
    const one = fc.record({
      param: fc.constantFrom('E', 'alpha', 'R_D_star', 'c0', ''),
      value: number,
      interval: fc.tuple(number, fc.option(number, { nil: null })),
      open: fc.record({ low: fc.boolean(), high: fc.boolean() }),
      level: fc.constant(0.9),
      threshold: number,
      curve: some(fc.record({ value: number, statistic: number })),
    });
    check(fc.record({ profiles: some(one) }), profiles);
  });

  it('envelope', () => {
    const run = fc.record({
      id: fc.constantFrom('p', 'q'),
      N: number,
      points: some(fc.record({ C: number, L: number })),
    });
    const step = fc.record({ id: fc.constantFrom('p', 'q'), N: number, C: pair, L: pair, interior: fc.boolean() });
    const fit = fc.option(fc.record({ coefficient: number, exponent: number, interval }), { nil: null });
    check(fc.record({ curves: some(run), steps: some(step), fit }), envelope);
  });

  it('frontier', () => {
    const frontier = some(fc.record({ C: number, L: number, interval }));
    const floor = fc.record({ value: number, label: fc.constant('floor') });
    check(fc.record({ runs: some(fc.record({ N: number, C: number, L: number })), frontier, floor }), lossFrontier);
  });

  it('curves', () => {
    const column = fc.record({
      symbol: fc.constant('N'),
      title: fc.constant('title'),
      heading: fc.constant('heading'),
      constants: some(
        fc.record({ name: fc.constant('alpha'), value: fc.double({ noNaN: true, min: 0, max: 9 }), interval }),
      ),
      points: some(fc.record({ x: number, L: number })),
      lines: fc
        .tuple(number, some(fc.record({ x: number, low: number, high: number })))
        .map(([level, band]) => [{ at: (x: number) => level + x ** -0.3, band }]),
    });
    check(fc.record({ columns: some(column) }), curveFits);
  });

  it('sensitivity', () => {
    const panel = fc.record({
      title: fc.constant('title'),
      scale: fc.constantFrom('linear' as const, 'log' as const),
      points: some(fc.record({ x: number, a: number, interval })),
      chosen: number,
    });
    check(fc.record({ panels: some(panel) }), sensitivity);
  });

  it('hold-out and distance', () => {
    const run = fc.record({ L: number, predicted: number, interval });
    const one = fc.record({ law: fc.constant('law'), rms: number, fitted_rms: number, runs: some(run) });
    check(fc.record({ laws: some(one) }), holdOutErrors);
    const miss = fc.record({ decades: number, error: number });
    check(fc.record({ laws: some(fc.record({ law: fc.constant('law'), runs: some(miss) })) }), errorByDistance);
  });

  it('half fit', () => {
    const runs = some(fc.record({ C: number, residual: number }));
    check(fc.record({ runs, fitted_to: number, mean: number, interval, level: fc.constant(0.9) }), halfFit);
  });

  it('critical batch', () => {
    const one = fc.record({
      N: number,
      L: number,
      B_crit: interval.map((i) => i?.[0] ?? null),
      batches: some(fc.record({ B: number, S: number })),
    });
    check(fc.record({ hyperbolas: some(one), B_star: number, alpha_B: number, interval }), criticalBatchFigure);
  });
});
