/** @file The figure of a law among its runs: which lines are drawn of what went in, and any numbers at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LawLinesInput, lawLinesFigure } from '../../src/report/report.ts';
import { law } from './sample.ts';
import { expectInside, expectSound } from './sound.ts';

const TOKENS = [1e6, 1e7, 1e8];

/** Runs on the law, three a size. */
const runsOf = (sizes: readonly number[]) =>
  sizes.flatMap((N) => TOKENS.map((D) => ({ x: D, y: law(N, D), value: N })));

function input(sizes: readonly number[], changes: Partial<LawLinesInput> = {}): LawLinesInput {
  return {
    label: 'The law',
    panels: [{ heading: 'all', runs: runsOf(sizes), at: (D, N) => law(N, D) }],
    xTitle: 'tokens',
    yTitle: 'loss',
    valueTitle: 'N',
    valueWords: 'sizes N',
    ...changes,
  };
}

const ladder = (count: number): number[] => Array.from({ length: count }, (_, i) => 1000 * 2 ** i);

interface Drawn {
  /** From edge to edge, along the runs, dashed. */
  thin: number;
  own: number;
  dashed: number;
  dots: number;
  rings: number;
  stems: number;
}

/** What is drawn, by how it is drawn. */
function drawn(svg: string): Drawn {
  const groups = (kind: string) => [...svg.matchAll(new RegExp(`<g aria-label="${kind}"([^>]*)>(.*?)</g>`, 'gs'))];
  const lines = groups('line').map(([, of]) => of!);
  const circles = groups('dot').map(([, of, inner]) => ({
    isRing: of!.includes('fill="#fff'),
    count: inner!.split('<circle').length - 1,
  }));
  const count = (isRing: boolean) => circles.filter((c) => c.isRing === isRing).reduce((sum, c) => sum + c.count, 0);
  const dashed = lines.filter((of) => of.includes('dasharray')).length;
  const thin = lines.filter((of) => of.includes('stroke-width="0.8"')).length;
  const stems = groups('link').reduce((sum, [, , inner]) => sum + inner!.split('<path').length - 1, 0);
  return { thin, dashed, own: lines.length - thin - dashed, dots: count(false), rings: count(true), stems };
}

const labelOf = (svg: string): string => /aria-label="([^"]*)"/.exec(svg)![1]!;

describe('lawLines', () => {
  it('a line a size, thin beyond its runs, named at its end', () => {
    const svg = lawLinesFigure(input(ladder(3)));
    expectSound(svg);
    expectInside(svg);
    expect(drawn(svg)).toEqual({ thin: 3, own: 3, dashed: 0, dots: 9, rings: 0, stems: 0 });
    for (const name of ['1k', '2k', '4k']) expect(svg.split(`>${name}<`), name).toHaveLength(2);
    expect(labelOf(svg)).toBe('The law; 9 runs, lines at 1k, 2k, 4k');
    expect(svg).not.toMatch(/rings|otherwise/);
  });

  it('what would hold otherwise is dashed, with a word in the key', () => {
    const [panel] = input(ladder(2)).panels;
    const panels = [{ ...panel!, otherwise: (D: number, N: number) => 0.9 * law(N, D) }];
    const svg = lawLinesFigure(input(ladder(2), { panels, otherwiseLabel: 'as if fresh' }));
    expectInside(svg);
    expect(drawn(svg)).toMatchObject({ thin: 2, own: 2, dashed: 2 });
    expect(svg).toContain('>as if fresh<');
    expect(lawLinesFigure(input(ladder(2), { otherwiseLabel: 'as if fresh' }))).not.toContain('as if fresh');
  });

  it('of many sizes eight have lines; the runs of the others are rings with a stem, and it says so', () => {
    const sizes = ladder(13);
    // In each part of the ladder the size with most runs.
    const runs = [...runsOf(sizes), { x: 3e7, y: law(2000, 3e7), value: 2000 }];
    const svg = lawLinesFigure(input(sizes, { panels: [{ heading: '', runs, at: (D, N) => law(N, D) }] }));
    expectInside(svg);
    expect(drawn(svg)).toEqual({ thin: 8, own: 8, dashed: 0, dots: 25, rings: 15, stems: 15 });
    expect(svg).toContain('>2k<');
    expect(svg).not.toContain('>1k<');
    for (const words of ['lines at 8 of 13 sizes N', 'rings: runs at the others']) {
      expect(svg).toContain(`>${words}`);
      expect(labelOf(svg)).toContain(words);
    }
    expect(drawn(lawLinesFigure(input(sizes, { mostLines: 4 })))).toMatchObject({ own: 4 });
  });

  it('values within the tolerance are one line at their mean', () => {
    const sizes = [1000, 1040, 8000];
    expect(drawn(lawLinesFigure(input(sizes)))).toMatchObject({ own: 3 });
    const svg = lawLinesFigure(input(sizes, { tolerance: 0.05 }));
    expect(drawn(svg)).toMatchObject({ own: 2, dots: 9, rings: 0 });
    expect(svg).toContain('>1.02k<');
  });

  it('three panels with runs at most places, then most runs, in the order given, their colours named once', () => {
    const panels = [2, 1, 3, 4].map((count, i) => ({
      heading: `panel ${i}`,
      runs: runsOf(ladder(count)),
      at: (D: number, N: number) => law(N, D),
    }));
    // Many runs, at one place only.
    const alike = ladder(9).map((value) => ({ x: 1e6, y: law(value, 1e6), value }));
    panels.push({ heading: 'alike', runs: [...alike, ...alike], at: (D, N) => law(N, D) });
    const svg = lawLinesFigure(input([], { panels, panelWords: 'amounts' }));
    expectInside(svg);
    expect([...svg.matchAll(/>(panel \d)</g)].map(([, name]) => name)).toEqual(['panel 0', 'panel 2', 'panel 3']);
    expect(svg).toContain('>3 of 5 amounts, the best covered<');
    expect(drawn(svg)).toMatchObject({ own: 9, dots: 27 });
    expect(svg.split('>8k<')).toHaveLength(2);
  });

  it('runs of a size at one place have a thin line and a dashed one from edge to edge', () => {
    const runs = [1e6, 4e6].map((x) => ({ x, y: law(x / 1e3, x), value: x / 1e3 }));
    const at = (D: number, N: number): number => law(N, D);
    const panel = { heading: '', runs, at, otherwise: (D: number, N: number) => 0.95 * law(N, D) };
    const svg = lawLinesFigure(input([], { panels: [panel], otherwiseLabel: 'as if fresh' }));
    expect(drawn(svg)).toMatchObject({ thin: 2, own: 0, dashed: 2, dots: 2 });
  });

  it('says in words that there is nothing to draw', () => {
    for (const panels of [[], [{ heading: '', runs: [{ x: 0, y: 1, value: 1 }], at: () => 1 }]]) {
      const svg = lawLinesFigure(input([], { panels }));
      expectSound(svg);
      expect(svg).toContain('No run lies where the law can be drawn.');
    }
  });

  it('draws any numbers', () => {
    const number = fc.oneof(
      { weight: 6, arbitrary: fc.double({ min: 1e-3, max: 1e13, noNaN: true }) },
      fc.double(),
      fc.constantFrom(0, -1, 1e-300, 1e300, Number.NaN, Number.POSITIVE_INFINITY),
    );
    const runs = fc.array(fc.record({ x: number, y: number, value: number }), { maxLength: 12 });
    const panel = fc.record({ runs, level: number }).map(({ runs: own, level }) => ({
      heading: 'panel',
      runs: own,
      at: (x: number, value: number) => level + value ** -0.3 * x ** -0.4,
      otherwise: (x: number) => level - x,
    }));
    fc.assert(
      fc.property(fc.array(panel, { maxLength: 5 }), fc.option(number, { nil: undefined }), (panels, xLeast) => {
        expectSound(lawLinesFigure(input([], { panels, ...(xLeast === undefined ? {} : { xLeast }) })));
      }),
      { numRuns: 20 },
    );
  });
});
