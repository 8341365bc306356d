/** @file The fake document: what Plot draws on it comes out as clean, standalone, rounded SVG. */
import * as Plot from '@observablehq/plot';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDocument, escapeMarkup, roundNumbers, type SvgNode, serialize } from '../../src/report/document.ts';

describe('a plot on the fake document', () => {
  const plot = (): SvgNode =>
    Plot.plot({
      document: createDocument() as never,
      x: { type: 'log', domain: [1, 1000] },
      marks: [
        Plot.areaY([1, 10], { x: [1, 10], y1: 0, y2: [1, 2] }),
        Plot.line([
          [1, 1 / 3],
          [10, 2],
        ]),
        Plot.dot([[100, 1]], { symbol: 'diamond', title: () => 'a < b & "c"' }),
        Plot.text([[1, 1]], { text: () => 'two\nlines' }),
        Plot.link([1], { x1: 1, x2: 10, y1: 1, y2: 2 }),
        Plot.rectY([0], { y1: 0, y2: 1 }),
      ],
    }) as unknown as SvgNode;

  it('has every mark, no style sheet, no class', () => {
    const svg = serialize(plot());
    for (const mark of ['area', 'line', 'dot', 'text', 'link', 'rect', 'x-axis tick', 'y-axis tick label']) {
      expect(svg).toContain(`aria-label="${mark}"`);
    }
    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
    expect(svg.match(/<tspan/g)).toHaveLength(2);
    expect(svg).not.toMatch(/<style|class=/);
  });

  it('is the same text each time', () => expect(serialize(plot())).toBe(serialize(plot())));
});

describe('nodes', () => {
  it('keep the order of insertion and one parent', () => {
    const document = createDocument();
    const [root, a, b, c] = ['g', 'a', 'b', 'c'].map((n) => document.createElement(n)) as [
      SvgNode,
      SvgNode,
      SvgNode,
      SvgNode,
    ];
    root.appendChild(b);
    root.insertBefore(a, b);
    root.appendChild(c);
    root.appendChild(a);
    expect(serialize(root)).toBe('<g><b/><c/><a/></g>');
    document.createElement('h').appendChild(b);
    expect(root.children).toEqual([c, a]);
    expect(b.parentNode?.name).toBe('h');
  });

  it('text replaces children and is escaped', () => {
    const document = createDocument();
    const node = document.createElement('text');
    node.appendChild(document.createTextNode('old'));
    node.textContent = '<&>';
    expect(serialize(node)).toBe('<text>&lt;&amp;&gt;</text>');
    expect(node.textContent).toBe('<&>');
  });
});

describe('roundNumbers', () => {
  it.each([
    ['M0.123456,-7.0000001L1e-7,10.999', 'M0.12,-7L0,11'],
    ['translate(-0.001,3.5)', 'translate(0,3.5)'],
    ['M1,2v5h-5', 'M1,2v5h-5'],
    ['rotate(-90)', 'rotate(-90)'],
  ])('%s becomes %s', (from, to) => expect(roundNumbers(from)).toBe(to));

  it('moves no number by more than half a hundredth', () => {
    const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, (values) => {
        const rounded = roundNumbers(values.join(',')).split(',').map(Number);
        expect(rounded).toHaveLength(values.length);
        rounded.forEach((r, i) => {
          expect(Math.abs(r - values[i]!)).toBeLessThanOrEqual(0.005 + 1e-9);
        });
      }),
    );
  });
});

it('escaped text holds no markup and no character that XML forbids', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (codes) => {
      const text = String.fromCharCode(...codes, 60, 0, 38);
      const escaped = escapeMarkup(text);
      expect(escaped).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
      expect([...escaped].every((c) => c >= ' ' || '\t\n\r'.includes(c))).toBe(true);
      expect(() => encodeURIComponent(escaped)).not.toThrow();
    }),
  );
});
