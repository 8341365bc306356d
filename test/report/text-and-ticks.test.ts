/** @file Text widths against the font itself, tick labels that do not touch, labels that do not overlap. */
import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choosePlaces, spread } from '../../src/report/labels.ts';
import { bold, plainText, powerOfTen, scientific, shorten, sup, textWidth } from '../../src/report/rich-text.ts';
import { axisTicks, linearDomain, logDomain, type TickOptions } from '../../src/report/ticks.ts';

describe('textWidth', () => {
  const fontFiles = ['400Regular/Arimo_400Regular.ttf', '700Bold/Arimo_700Bold.ttf'].map((file) =>
    createRequire(import.meta.url).resolve(`@expo-google-fonts/arimo/${file}`),
  );
  /** Width of the ink between two upright bars, less the bars: independent of side bearings. */
  const measured = (text: string, weight: number): number => {
    const width = (content: string): number => {
      const svg =
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="60">' +
        `<text x="9" y="40" font-family="Arimo" font-weight="${weight}" font-size="20">${content}</text></svg>`;
      return new Resvg(svg, { font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'Arimo' } }).getBBox()!
        .width;
    };
    return width(`|${text}|`) - width('||');
  };
  it.each(['training tokens', '0.41 [0.37, 0.46]', 'Hoffmann et al. 2022', 'non_embedding', '5×10−3 ±1 %'])(
    'of "%s" is what the font says',
    (text) => {
      expect(textWidth(text, 20)).toBeCloseTo(measured(text, 400), 0);
      expect(textWidth([bold(text)], 20)).toBeCloseTo(measured(text, 700), 0);
    },
  );
  it('sets scripts smaller', () => {
    expect(textWidth(['10', sup('4')], 10)).toBeLessThan(textWidth('104', 10));
    expect(plainText(powerOfTen(4))).toBe('104');
    expect(plainText(scientific(1.5e10))).toBe('1.5×1010');
    expect(plainText(scientific(1e-7))).toBe('10−7');
  });
  it('shorten keeps to the width it was given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.integer({ min: 20, max: 300 }), (text, width) => {
        expect(textWidth(shorten(text, width))).toBeLessThanOrEqual(width);
      }),
    );
    expect(shorten('short', 100)).toBe('short');
  });
});

describe('axisTicks', () => {
  const labels = (options: Partial<TickOptions>): string[] =>
    axisTicks({ scale: 'log', domain: [1e3, 1e6], length: 500, direction: 'x', format: 'power', ...options }).major.map(
      (t) => plainText(t.label),
    );
  it('labels powers of ten where there are three or more, at every third where they crowd', () => {
    expect(labels({})).toEqual(['103', '104', '105', '106']);
    const every3 = ['100', '103', '106', '109', '1012', '1015', '1018', '1021', '1024'];
    expect(labels({ domain: [1, 1e24], length: 300 })).toEqual(every3);
  });
  it('adds multiples where there are fewer', () => {
    expect(labels({ domain: [2e4, 3e5] })).toEqual(['2×104', '5×104', '105', '2×105']);
    expect(labels({ domain: [0.35, 4.2], direction: 'y', length: 300, format: 'plain' })).toEqual([
      '0.4',
      '0.6',
      '0.8',
      '1',
      '1.5',
      '2',
      '3',
      '4',
    ]);
  });
  it('falls back to even steps within a fraction of a decade', () => {
    expect(labels({ domain: [1.2e4, 1.7e4] })).toEqual([
      '1.2×104',
      '1.3×104',
      '1.4×104',
      '1.5×104',
      '1.6×104',
      '1.7×104',
    ]);
  });
  it('gives linear axes round values with equal decimals', () => {
    expect(labels({ scale: 'linear', domain: [0.96, 2.1], format: 'plain' })).toEqual([
      '1.0',
      '1.2',
      '1.4',
      '1.6',
      '1.8',
      '2.0',
    ]);
    expect(labels({ scale: 'linear', domain: [-0.011, 0.011], format: 'percent' })).toEqual([
      '−1.0',
      '−0.5',
      '0.0',
      '+0.5',
      '+1.0',
    ]);
  });

  const domains = fc
    .tuple(fc.double({ min: -20, max: 20, noNaN: true }), fc.double({ min: 0.01, max: 20, noNaN: true }))
    .map(([lo, span]): [number, number] => [10 ** lo, 10 ** (lo + span)]);
  it('keeps ticks inside the axis and labels apart', () => {
    fc.assert(
      fc.property(
        domains,
        fc.constantFrom('x', 'y'),
        fc.constantFrom('power', 'plain'),
        fc.boolean(),
        (domain, direction, format, isLog) => {
          const options = { scale: isLog ? 'log' : 'linear', domain, length: 300, direction, format } as TickOptions;
          const { major, minor } = axisTicks(options);
          const f = isLog ? Math.log : (v: number) => v;
          const at = (v: number): number => ((f(v) - f(domain[0])) / (f(domain[1]) - f(domain[0]))) * 300;
          for (const value of [...minor, ...major.map((t) => t.value)]) {
            expect(at(value)).toBeGreaterThan(-0.01);
            expect(at(value)).toBeLessThan(300.01);
          }
          major.slice(1).forEach((tick, i) => {
            const gap = at(tick.value) - at(major[i]!.value);
            const widths = (textWidth(tick.label, 11.5) + textWidth(major[i]!.label, 11.5)) / 2;
            expect(gap).toBeGreaterThan(direction === 'x' ? widths : 11.5);
          });
          expect(new Set(major.map((t) => plainText(t.label))).size).toBe(major.length);
        },
      ),
    );
  });
});

describe('domains', () => {
  it('are null without a value that can be shown, and wider than their values else', () => {
    expect(logDomain([0, -1, Number.NaN, Number.POSITIVE_INFINITY])).toBeNull();
    expect(linearDomain([Number.NaN])).toBeNull();
    for (const [lo, hi] of [logDomain([5])!, linearDomain([5])!, linearDomain([0, 10])!, logDomain([2, 8])!]) {
      expect(lo).toBeLessThan(hi);
    }
    expect(linearDomain([0])).toEqual([-5e-8, 5e-8]);
  });
});

describe('spread', () => {
  const wanted = fc.array(fc.double({ min: -50, max: 350, noNaN: true }), { maxLength: 30 });
  it('keeps gap, order and bounds', () => {
    fc.assert(
      fc.property(wanted, fc.double({ min: 1, max: 30, noNaN: true }), (want, gap) => {
        const placed = spread(want, gap, 0, 300);
        const least = Math.min(gap, want.length > 1 ? 300 / (want.length - 1) : gap);
        const order = want.map((_, i) => i).sort((a, b) => want[a]! - want[b]!);
        order.forEach((i, rank) => {
          expect(placed[i]!).toBeGreaterThanOrEqual(-1e-9);
          expect(placed[i]!).toBeLessThanOrEqual(300 + 1e-9);
          if (rank > 0) expect(placed[i]! - placed[order[rank - 1]!]!).toBeGreaterThanOrEqual(least - 1e-9);
        });
      }),
    );
  });
  it('moves nothing that is apart, and a pair by half its overlap each', () => {
    expect(spread([10, 50, 90], 14, 0, 100)).toEqual([10, 50, 90]);
    expect(spread([52, 48], 10, 0, 100)).toEqual([55, 45]);
    expect(spread([99, 100], 10, 0, 100)).toEqual([90, 100]);
    expect(spread([], 10, 0, 100)).toEqual([]);
  });
});

describe('choosePlaces', () => {
  const frame = { left: 0, right: 200, top: 0, bottom: 100 };
  const at = (x: number, y: number) => ({ x, y, anchor: 'start' as const });
  const label = (...places: ReturnType<typeof at>[]) => ({ text: 'label', color: '#000000', places });
  it('takes the first place that is free, none where all are taken', () => {
    const labels = [label(at(10, 50)), label(at(12, 52), at(100, 50)), label(at(10, 55))];
    expect(choosePlaces(frame, labels, {})).toEqual([at(10, 50), at(100, 50), null]);
  });
  it('avoids dots, lines and the edges of the frame', () => {
    const places = label(at(-5, 50), at(190, 50), at(50, 2), at(20, 50), at(20, 80), at(100, 30));
    const obstacles = {
      dots: [[30, 50]] as const,
      lines: [
        [
          [0, 60],
          [90, 90],
        ],
      ] as const,
    };
    expect(choosePlaces(frame, [places], obstacles)).toEqual([at(100, 30)]);
  });
});
