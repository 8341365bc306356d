/** @file Figure: the law of the small half of the runs, scored on the large half.
 * Errors `ln L - ln L_fit` of the law fitted to the runs below the middle of compute, against compute. On the fitted side
 * they scatter about zero by construction; on the other side they should too. A mean off zero there is a break that no
 * residual of the small half announces: "the line gives no warning that it will bend".
 */

import { formatFixed, formatNumber } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced, type PlacedLabel } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it } from '../rich-text.ts';
import { CATEGORY, COLOR } from '../theme.ts';
import { isPlottable, isPositive, linearDomain, logDomain } from '../ticks.ts';

export interface HalfFitInput {
  runs: readonly { C: number; residual: number }[];
  /** The largest compute that was fitted. */
  fitted_to: number;
  /** Mean residual of the later runs, with its interval at `level`. */
  mean: number;
  interval: readonly [number, number] | null;
  level: number;
}

const LABEL = 'The law of the smaller runs, scored on the larger ones';
const HEIGHT = 320;

/** The figure as SVG; residuals are of log loss. */
export function halfFit(input: HalfFitInput): string {
  const document = createDocument();
  const runs = input.runs.filter((r) => isPositive(r.C) && isPlottable(r.residual));
  const [fitted, later] = [true, false].map((side) => runs.filter((r) => r.C <= input.fitted_to === side)) as [
    typeof runs,
    typeof runs,
  ];
  const xDomain = logDomain(
    runs.map((r) => r.C),
    0.05,
  );
  if (xDomain === null || fitted.length === 0 || later.length === 0 || !isPlottable(input.mean))
    return drawMessage(document, LABEL, 'No half of the runs could be fitted.');
  const rms = Math.sqrt(fitted.reduce((sum, r) => sum + r.residual ** 2, 0) / fitted.length);
  const [low, high] = input.interval ?? [input.mean, input.mean];
  const interval = isPlottable(low) && isPlottable(high) && low <= high ? ([low, high] as const) : null;
  const extremes = [...runs.map((r) => r.residual), input.mean, ...(interval ?? []), rms, -rms];
  const largest = Math.max(...extremes.map(Math.abs), 1e-4);
  const first = Math.min(...later.map((r) => r.C));
  const edge = Math.sqrt(Math.max(...fitted.map((r) => r.C)) * first);
  const number = (x: number): string =>
    `${x > 0 ? '+' : ''}${formatFixed(100 * x, Math.abs(x) < 0.01 ? 2 : 1)}`.replaceAll('-', '−');
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 40, right: 24, bottom: 48 },
    x: { scale: 'log', domain: xDomain, format: 'power', title: ['training compute ', it('C'), ' (FLOPs)'] },
    y: {
      scale: 'linear',
      domain: linearDomain([-largest, largest], 0.08)!,
      format: 'percent',
      title: ['ln(', it('L'), ' / fit), %'],
    },
    marks: [
      Plot.rect([0], { x1: xDomain[0], x2: edge, y1: -rms, y2: rms, fill: COLOR.axis, fillOpacity: 0.2 }),
      ...(interval
        ? [
            Plot.rect([0], {
              x1: edge,
              x2: xDomain[1],
              y1: interval[0],
              y2: interval[1],
              fill: CATEGORY.kaplan,
              fillOpacity: 0.16,
            }),
          ]
        : []),
      Plot.ruleY([0], { stroke: COLOR.muted, strokeWidth: 1.2 }),
      Plot.ruleX([edge], { stroke: COLOR.ink, strokeWidth: 1, strokeDasharray: '5,4' }),
      Plot.line(
        [
          [edge, input.mean],
          [xDomain[1], input.mean],
        ],
        { stroke: CATEGORY.kaplan, strokeWidth: 2.2 },
      ),
      Plot.dot(fitted, {
        x: 'C',
        y: 'residual',
        r: 3.4,
        fill: COLOR.background,
        stroke: CATEGORY.ours,
        strokeWidth: 1.6,
      }),
      Plot.dot(later, {
        x: 'C',
        y: 'residual',
        r: 3.6,
        fill: CATEGORY.kaplan,
        stroke: COLOR.background,
        strokeWidth: 0.7,
      }),
    ],
    overlays: [
      (frame) => {
        const ends = interval ? ` [${number(interval[0])}, ${number(interval[1])}]` : '';
        const y = frame.y(input.mean);
        const labels: PlacedLabel[] = [
          {
            text: `mean ${number(input.mean)}%${ends}`,
            color: CATEGORY.kaplan,
            places: [
              { x: frame.right - 6, y: y - 10, anchor: 'end' },
              { x: frame.right - 6, y: y + 12, anchor: 'end' },
              { x: frame.right - 6, y: frame.top + 12, anchor: 'end' },
              { x: frame.right - 6, y: frame.bottom - 12, anchor: 'end' },
            ],
          },
        ];
        const dots = runs.map((r) => [frame.x(r.C), frame.y(r.residual)] as const);
        const line = [
          [frame.x(edge), y],
          [frame.right, y],
        ] as const;
        return drawPlaced(frame, labels, choosePlaces(frame, labels, { dots, lines: [line] }));
      },
      (frame) =>
        drawKey(frame, [
          { mark: 'ring', text: `fitted, rms ${formatNumber(100 * rms, 2)}%`, color: CATEGORY.ours },
          { mark: 'dot', text: 'not fitted', color: CATEGORY.kaplan },
          { mark: 'line', text: 'their mean', color: CATEGORY.kaplan },
          ...(interval
            ? [{ mark: 'band' as const, text: `${Math.round(100 * input.level)}% interval`, color: CATEGORY.kaplan }]
            : []),
        ]),
    ],
  });
  return drawSheet({
    height: HEIGHT,
    label: `${LABEL}; mean residual there ${number(input.mean)} percent`,
    content: [panel],
  });
}
