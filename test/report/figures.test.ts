/** @file Every figure: a picture to compare with, the cases without data, and any numbers at all without a NaN.
 * The pictures in `pictures/` open in a browser; a change of drawing shows as their difference.
 */
import { crc32, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ExponentRow,
  exponentsFigure,
  isoflopValleys,
  learningCurves,
  lossContours,
  optimalScaling,
  renderPng,
  residualsFigure,
} from '../../src/report/report.ts';
import { BUDGETS, curve, ENTROPY, law, RUNS, VALLEYS } from './sample.ts';
import { expectSound } from './sound.ts';

const EXPONENTS: ExponentRow[] = [
  { approach: 'Approach 2', counting: 'total', exponent: 'a', value: 0.44, interval: [0.38, 0.49] },
  { approach: 'Approach 3', counting: 'total', exponent: 'a', value: 0.46, interval: [-2, 3] },
  {
    approach: 'Approach 3',
    counting: 'non_embedding',
    exponent: 'a',
    value: null,
    interval: null,
    note: '3 runs only',
  },
  { approach: 'Approach 2', counting: 'total', exponent: 'b', value: 0.56, interval: [0.51, 0.62] },
];

const points = (value: (C: number) => number) =>
  BUDGETS.map((C) => ({ C, value: value(C), interval: [0.9 * value(C), 1.1 * value(C)] as [number, number] }));
const powerLaw = (exponent: number, level: number) => ({
  coefficient: level / 4e10 ** exponent,
  exponent,
  interval: [exponent - 0.05, exponent + 0.06] as [number, number],
  band: BUDGETS.map((C) => {
    const middle = level * (C / 4e10) ** exponent;
    return { C, low: 0.93 * middle, high: 1.08 * middle };
  }),
});

const SAMPLES: Record<string, () => string> = {
  'learning-curves': () =>
    learningCurves({ curves: RUNS.slice(4).map((r) => ({ N: r.N, points: curve(r) })), floor: { value: ENTROPY } }),
  'isoflop-valleys': () => isoflopValleys({ valleys: VALLEYS }),
  'optimal-scaling': () =>
    optimalScaling({
      N: { points: points((C) => 8300 * (C / 4e10) ** 0.45), fit: powerLaw(0.45, 8300) },
      D: { points: points((C) => 8e5 * (C / 4e10) ** 0.55), fit: powerLaw(0.55, 8e5) },
      label: 'Approach 2, total',
    }),
  'loss-contours': () => lossContours({ loss: law, runs: RUNS, budgets: BUDGETS }),
  residuals: () =>
    residualsFigure({
      points: RUNS.map((r) => ({ ...r, predicted: law(r.N, r.D), residual: Math.log(r.L / law(r.N, r.D)) })),
      seedSpread: 0.008,
    }),
  exponents: () => exponentsFigure({ rows: EXPONENTS, theory: { label: 'theory', a: 0.4, b: 0.6 } }),
};

describe.each(Object.keys(SAMPLES))('%s', (name) => {
  const svg = SAMPLES[name]!();

  it('looks as it did', async () => {
    expectSound(svg);
    await expect(svg).toMatchFileSnapshot(`pictures/${name}.svg`);
  });

  it('draws inside its sheet', () => {
    const height = Number(svg.match(/height="(\d+)"/)![1]);
    const numbers = (pattern: RegExp): number[] => [...svg.matchAll(pattern)].map((m) => Number(m[1]));
    expect(Math.max(...numbers(/ (?:x|cx)="(-?[\d.]+)"/g))).toBeLessThanOrEqual(640);
    expect(Math.max(...numbers(/ (?:y|cy)="(-?[\d.]+)"/g))).toBeLessThanOrEqual(height);
    expect(Math.max(...numbers(/[MLHV,](-?[\d.]+)/g))).toBeLessThanOrEqual(640);
  });

  it('becomes a PNG of its size', async () => {
    const png = Buffer.from(await renderPng(svg, 1));
    expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(640);
    const height = Number(svg.match(/height="(\d+)"/)![1]);
    expect(png.readUInt32BE(20)).toBe(height);
    const [from, length] = [png.indexOf('IDAT') + 4, png.readUInt32BE(png.indexOf('IDAT') - 4)];
    const rows = inflateSync(png.subarray(from, from + length));
    expect(rows).toHaveLength(height * (4 * 640 + 1));
    // Unfiltered rows; the upper left pixel is the white ground.
    expect([...rows.subarray(0, 5)]).toEqual([0, 255, 255, 255, 255]);
    expect(png.readUInt32BE(from + length)).toBe(crc32(png.subarray(from - 4, from + length)));
  });
});

describe('without data', () => {
  it('says so in words', () => {
    const empty: [string, RegExp][] = [
      [learningCurves({ curves: [] }), /No run has an evaluation/],
      [learningCurves({ curves: [{ N: 10, points: [{ tokens: 100, loss: null }] }] }), /No run has an evaluation/],
      [isoflopValleys({ valleys: [] }), /No isoFLOP budget/],
      [
        isoflopValleys({ valleys: [{ C: 1e10, points: [{ N: 10, L: Number.NaN }], parabola: null, minimum: null }] }),
        /No iso/,
      ],
      [optimalScaling({ N: { points: [], fit: null }, D: { points: [], fit: null } }), /No compute budget/],
      [lossContours({ loss: law, runs: [] }), /No run/],
      [lossContours({ loss: () => Number.NaN, runs: RUNS }), /does not fall/],
      [lossContours({ loss: () => 1, runs: RUNS }), /does not fall/],
      [residualsFigure({ points: [] }), /No fit/],
      [exponentsFigure({ rows: [] }), /No exponent/],
    ];
    for (const [svg, message] of empty) {
      expectSound(svg);
      expect(svg).toMatch(message);
    }
  });
});

describe('what must be seen', () => {
  it('isoFLOP: a minimum that is not interior is crossed out, not marked', () => {
    const refused = VALLEYS.map((v) => ({ ...v, minimum: { ...v.minimum!, isInterior: false } }));
    const svg = isoflopValleys({ valleys: refused });
    expect(svg).toContain('refused: no minimum between the sizes tried');
    expect(svg).not.toContain('its minimum');
    expect(svg).toContain('0 with an interior minimum');
  });

  it('optimal scaling: the papers are drawn through our centre and named with their exponents', () => {
    const svg = SAMPLES['optimal-scaling']!();
    for (const words of [
      'Kaplan et al. 2020',
      'Hoffmann et al. 2022',
      ' = 0.73',
      ' = 0.27',
      ' = 0.50',
      '0.45 [0.40, 0.51]',
    ]) {
      expect(svg).toContain(words);
    }
  });

  it('exponents: an interval beyond the axis ends in an arrow head, a refused row says why', () => {
    const svg = SAMPLES['exponents']!();
    expect(svg.match(/l?Z" fill="#0072b2"/g)).toHaveLength(2);
    expect(svg).toContain('3 runs only');
    expect(svg).toContain('refused');
  });

  it('learning curves: every size is named once', () => {
    const sizes = [3000, 6000, 12_000, 24_000];
    const svg = learningCurves({
      curves: [...sizes, ...sizes].map((N, i) => ({ N, points: curve({ N, D: 1e6 + i, C: 0, L: 0 }) })),
    });
    for (const text of ['>3k<', '>6k<', '>12k<', '>24k<']) expect(svg.split(text)).toHaveLength(2);
  });

  it('residuals: outliers are ringed in each panel and named, sizes with several runs have their mean', () => {
    const points = RUNS.map((r, i) => ({ ...r, N: 1000 * 2 ** (i % 4), predicted: 1, residual: 0.01 * (i % 4) }));
    const plain = residualsFigure({ points });
    expect(plain).toContain('mean of a size');
    expect(plain).not.toContain('outlier');
    const svg = residualsFigure({
      points: points.map((p, i) => (i === 5 ? { ...p, residual: 0.2, outlier: 'run-5' } : p)),
    });
    expect(svg.match(/>run-5</g)).toHaveLength(1);
    expect(svg.match(/stroke="#d55e00" stroke-width="1.6"><circle/g)).toHaveLength(3);
    const dashes = plain.match(/<path d="([^"]*)" stroke="#1f2328" stroke-width="2.2"/)![1]!;
    expect(dashes.match(/M/g)).toHaveLength(4);
  });

  it('text that users chose is escaped', () => {
    const svg = exponentsFigure({ rows: [{ ...EXPONENTS[0]!, approach: '<b>&"\u0007' }] });
    expect(svg).toContain('&lt;b&gt;&amp;&quot;, total');
    expect(svg).not.toContain('<b>');
  });
});

describe('any numbers', () => {
  const number = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: 1e-3, max: 1e13, noNaN: true }) },
    fc.double(),
    fc.constantFrom(0, -1, 1e-300, 1e300, Number.NaN, Number.POSITIVE_INFINITY),
  );
  const maybe = fc.option(number, { nil: null });
  const interval = fc.option(fc.tuple(number, number), { nil: null });
  const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 8 });
  const few = { numRuns: 20 };

  it('learning curves', () => {
    const point = fc.record({ tokens: number, loss: maybe });
    const input = fc.record({
      curves: some(fc.record({ N: number, points: some(point) })),
      floor: fc.record({ value: number }),
    });
    fc.assert(
      fc.property(input, (value) => expectSound(learningCurves(value))),
      few,
    );
  });

  it('isoFLOP valleys', () => {
    const valley = fc.record({
      C: number,
      points: some(fc.record({ N: number, L: maybe })),
      parabola: fc.option(fc.tuple(number, number, number), { nil: null }),
      minimum: fc.option(fc.record({ N: number, L: number, isInterior: fc.boolean() }), { nil: null }),
    });
    fc.assert(
      fc.property(some(valley), (valleys) => expectSound(isoflopValleys({ valleys }))),
      few,
    );
  });

  it('optimal scaling', () => {
    const panel = fc.record({
      points: some(fc.record({ C: number, value: number, interval })),
      fit: fc.option(
        fc.record({
          coefficient: number,
          exponent: number,
          interval,
          band: some(fc.record({ C: number, low: number, high: number })),
        }),
        { nil: null },
      ),
    });
    fc.assert(
      fc.property(panel, panel, (N, D) => expectSound(optimalScaling({ N, D }))),
      few,
    );
  });

  it('loss contours', () => {
    const exponent = fc.double({ min: -1, max: 2, noNaN: true });
    const runs = some(fc.record({ N: number, D: number }));
    fc.assert(
      fc.property(exponent, exponent, runs, some(number), (alpha, beta, runs, budgets) => {
        const loss = (N: number, D: number): number => 0.5 + 60 / N ** alpha + 200 / D ** beta;
        expectSound(lossContours({ loss, runs, budgets }));
      }),
      few,
    );
  });

  it('residuals', () => {
    const point = fc.record({ N: number, D: number, predicted: number, residual: number, C: maybe });
    fc.assert(
      fc.property(some(point), number, (points, seedSpread) => expectSound(residualsFigure({ points, seedSpread }))),
      few,
    );
  });

  it('exponents', () => {
    const row = fc.record({
      approach: fc.string(),
      counting: fc.string(),
      exponent: fc.constantFrom('a' as const, 'b' as const),
      value: maybe,
      interval,
    });
    fc.assert(
      fc.property(some(row), (rows) => expectSoundText(exponentsFigure({ rows }))),
      few,
    );
  });

  /** As `expectSound`, where the words themselves may hold anything. */
  function expectSoundText(svg: string): void {
    expectSound(svg.replace(/>[^<]*</g, '><').replace(/aria-label="[^"]*"/, 'aria-label=""'));
  }
});
