/** @file Plots in text: marks where they belong, axes of one value, nothing from nothing. */
import { expect, it } from 'vitest';
import { logLogPlot } from '../../src/commands/text-plot.ts';

it('a power law is a straight line from corner to corner', () => {
  const points = [1, 10, 100, 1000, 10000].map((x) => ({ x, y: 1 / x }));
  const options = { xTitle: 'x', yTitle: 'y', width: 9, height: 5 };
  expect(logLogPlot([{ mark: 'o', points }], options)).toEqual([
    'y',
    '   1 +o',
    '     |  o',
    '0.01 +    o',
    '     |      o',
    '1e-4 +        o',
    '     +---------',
    '      1 x 10000',
  ]);
});

it('draws later series over earlier ones, and shows no point that has no logarithm', () => {
  const at = { x: 5, y: 5 };
  const bad = [
    { x: 0, y: 1 },
    { x: 1, y: -1 },
    { x: Number.NaN, y: 1 },
    { x: 1, y: Number.POSITIVE_INFINITY },
  ];
  const plot = logLogPlot(
    [
      { mark: '.', points: [at, ...bad] },
      { mark: 'o', points: [at] },
    ],
    { xTitle: 'x', yTitle: 'y' },
  );
  expect(plot.join('').match(/[o]/g)).toHaveLength(1);
  // One line of the plot has a mark, and none of them the covered dot.
  expect(plot.filter((line) => /[|+].*[o.]/.test(line))).toHaveLength(1);
  expect(plot.filter((line) => /[|+].*\./.test(line))).toHaveLength(0);
  expect(logLogPlot([{ mark: 'o', points: bad }], { xTitle: 'x', yTitle: 'y' })).toEqual([]);
});
