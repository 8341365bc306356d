/** @file Figure: laws in one variable, L(N), L(D) or L(C), on log axes, with their residuals below.
 * One column a variable, after figure 1 of Kaplan et al. 2020: the runs, the fitted line, its bootstrap band, dashed
 * beyond the runs. On log axes a pure power law is straight and a floor bends it. A column may carry a second line, as
 * of a law with a break beside one without, and an upright where it breaks. The residuals `ln L - ln L_fit` are those of the first line.
 */
import type { Markish } from '@observablehq/plot';
import { formatNumber } from '../../lib/format.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { choosePlaces, drawPlaced, type PlacedLabel } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, it, join, plainText, type RichText, shorten, textWidth } from '../rich-text.ts';
import { symbolOf } from '../symbols.ts';
import { COLOR, FIGURE_WIDTH, FONT_SIZE, SERIES, textColor } from '../theme.ts';
import { isPlottable, isPositive, linearDomain, logDomain } from '../ticks.ts';

interface CurveLine {
  /** What it is, where a column has several. */
  label?: string;
  /** Loss at x, nats a token. */
  at: (x: number) => number;
  /** Bootstrap band by increasing x. */
  band?: readonly { x: number; low: number; high: number }[];
}

export interface CurveColumn {
  /** What the loss is a law of: N, D, C. */
  symbol: string;
  /** The same in words, for the axis. */
  title: string;
  /** What the runs have in common, above the column. */
  heading: string;
  /** The constants worth a word. */
  constants: readonly { name: string; value: number; interval: readonly [number, number] | null }[];
  points: readonly { x: number; L: number }[];
  /** The fitted law first. */
  lines: readonly CurveLine[];
  /** A place on the axis, as that of a break, with its interval and in words. */
  mark?: CurveMark;
}

interface CurveMark {
  x: number;
  interval: readonly [number, number] | null;
  label: RichText;
}

export interface CurveFitsInput {
  columns: readonly CurveColumn[];
}

const LABEL = 'Laws in one variable with their residuals';
const TOP_HEIGHT = 282;
const BOTTOM_HEIGHT = 140;
const LEFT = 58;
const RIGHT = 16;
const GAP = 22;
/** Above the columns: the heading and two constants. */
const TOP = 66;
const MOST = 3;
const SAMPLES = 80;

/** The figure as SVG; all columns share the axis of loss. */
export function curveFits(input: CurveFitsInput): string {
  const document = createDocument();
  const columns = input.columns
    .map((c) => ({ ...c, points: c.points.filter((p) => isPositive(p.x) && isPositive(p.L)) }))
    .filter((c) => c.points.length > 0)
    .slice(0, MOST)
    .map((c) => ({
      ...c,
      domain: logDomain(
        c.points.map((p) => p.x),
        0.1,
        2,
      )!,
    }));
  if (columns.length === 0) return drawMessage(document, LABEL, 'No law in one variable was fitted.');
  const losses = columns.flatMap((c) => [
    ...c.points.map((p) => p.L),
    ...linesOf(c).flatMap((l) => l.line.map((p) => p.L)),
  ]);
  const measured = columns.flatMap((c) => c.points.map((p) => p.L));
  const [least, most] = [Math.min(...measured), Math.max(...measured)];
  const near = losses.filter((L) => L > least / 1.5 && L < most * 1.5);
  const yDomain = logDomain([...measured, ...near], 0.05, 1.02)!;
  const residuals = columns.map((c) =>
    c.points.flatMap(({ x, L }) => {
      const predicted = c.lines[0]?.at(x) ?? Number.NaN;
      return isPositive(predicted) ? [{ x, residual: Math.log(L / predicted) }] : [];
    }),
  );
  const extreme = Math.max(1e-4, ...residuals.flatMap((r) => r.map((p) => Math.abs(p.residual))));
  const errors = linearDomain([-extreme, extreme], 0.1)!;
  const inner = (FIGURE_WIDTH - LEFT - RIGHT - (columns.length - 1) * GAP) / columns.length;
  const content = columns.flatMap((column, i) =>
    drawColumn(document, {
      column,
      residuals: residuals[i]!,
      yDomain,
      errors,
      inner,
      isFirst: i === 0,
      at: i * (inner + GAP),
    }),
  );
  const spoken = columns.map((c) => `L(${c.symbol}) ${c.constants.map(worded).map(plainText).join(', ')}`);
  return drawSheet({ height: TOP_HEIGHT + BOTTOM_HEIGHT, label: [LABEL, ...spoken].join('; '), content });
}

type Column = CurveColumn & { domain: [number, number] };

/** "α = 0.42 [0.38, 0.47]" */
function worded({ name, value, interval }: CurveColumn['constants'][number]): RichText {
  const number = (v: number): string => formatNumber(v, 3).replaceAll('-', '−');
  const ends = interval?.every(isPlottable) ? ` [${number(interval[0])}, ${number(interval[1])}]` : '';
  return join(symbolOf(name), ` = ${number(value)}${ends}`);
}

/** Every line over the axis, in its parts within the runs and beyond. */
function linesOf({ lines, points, domain }: Column) {
  const [from, to] = [Math.min(...points.map((p) => p.x)), Math.max(...points.map((p) => p.x))];
  return lines.flatMap(({ label, at, band = [] }, k) => {
    const xs = [
      ...Array.from({ length: SAMPLES + 1 }, (_, i) => domain[0] * (domain[1] / domain[0]) ** (i / SAMPLES)),
      from,
      to,
    ];
    const line = xs
      .sort((p, q) => p - q)
      .map((x) => ({ x, L: at(x) }))
      .filter((p) => isPositive(p.L));
    if (line.length < 2) return [];
    return [
      {
        k,
        label,
        line,
        from,
        to,
        band: band.filter((b) => isPositive(b.low) && isPositive(b.high) && b.low <= b.high),
      },
    ];
  });
}

/** The mark as an upright with its interval shaded, as far as both lie on the axis. */
function markOf({ mark, domain }: Column): Markish[] {
  if (mark === undefined || !isOn(domain, mark.x)) return [];
  const [low = mark.x, high = mark.x] = mark.interval?.every(isPositive) ? mark.interval : [];
  const band = { x1: Math.max(low, domain[0]), x2: Math.min(high, domain[1]) };
  return [
    ...(band.x2 > band.x1 ? [Plot.rectX([0], { ...band, fill: COLOR.axis, fillOpacity: 0.2 })] : []),
    Plot.ruleX([mark.x], { stroke: COLOR.ink, strokeWidth: 1.1, strokeDasharray: '2,3' }),
  ];
}

const isOn = (domain: readonly [number, number], x: number): boolean => x >= domain[0] && x <= domain[1];

/** What the mark says, beside it where nothing else is. */
function drawMarkLabel(
  frame: Frame,
  { mark, domain, points }: Column,
  lines: readonly { line: readonly { x: number; L: number }[] }[],
): SvgNode | null {
  if (mark === undefined || !isOn(domain, mark.x)) return null;
  const x = frame.x(mark.x);
  const pixels = (spots: readonly { x: number; L: number }[]) =>
    spots.map((s) => [frame.x(s.x), frame.y(s.L)] as const);
  const rows = [frame.bottom - 10, frame.bottom - 28, frame.bottom - 46, frame.top + 46];
  const label: PlacedLabel = {
    text: mark.label,
    color: COLOR.ink,
    size: FONT_SIZE.note,
    places: rows.flatMap((y) => [
      { x: x - 8, y, anchor: 'end' as const },
      { x: x + 8, y, anchor: 'start' as const },
    ]),
  };
  const obstacles = { dots: pixels(points), lines: lines.map(({ line }) => pixels(line)) };
  return drawPlaced(frame, [label], choosePlaces(frame, [label], obstacles));
}

interface ColumnPlace {
  column: Column;
  residuals: readonly { x: number; residual: number }[];
  yDomain: [number, number];
  errors: [number, number];
  inner: number;
  isFirst: boolean;
  /** Left edge of the plotting area beyond LEFT. */
  at: number;
}

function drawColumn(document: SvgDocument, place: ColumnPlace): SvgNode[] {
  const { column, residuals, yDomain, errors, inner, isFirst, at } = place;
  const left = isFirst ? LEFT : GAP;
  const [x, width] = [isFirst ? 0 : LEFT + at - GAP, left + inner + RIGHT];
  const clip = (v: number): number => Math.min(yDomain[1], Math.max(yDomain[0], v));
  const lines = linesOf(column).map((l) => ({
    ...l,
    line: l.line.filter((p) => p.L >= yDomain[0] && p.L <= yDomain[1]),
  }));
  const xAxis = { scale: 'log', domain: column.domain, format: 'power' } as const;
  const above = drawPanel(document, {
    at: [x, 0],
    width,
    height: TOP_HEIGHT,
    margin: { top: TOP, right: RIGHT, bottom: 14, left },
    x: { ...xAxis, labels: false },
    y: {
      scale: 'log',
      domain: yDomain,
      format: 'plain',
      ...(isFirst ? { title: ['loss ', it('L'), ' (nats / token)'] as RichText } : { labels: false }),
    },
    marks: [
      ...markOf(column),
      ...lines.map(({ band, k }) =>
        Plot.areaY(
          band
            .filter((b) => b.x >= column.domain[0] && b.x <= column.domain[1])
            .map((b) => ({ x: b.x, low: clip(b.low), high: clip(b.high) })),
          { x: 'x', y1: 'low', y2: 'high', fill: SERIES[k % SERIES.length]!, fillOpacity: 0.16 },
        ),
      ),
      ...lines.flatMap(({ line, k, from, to }) => {
        const stroke = SERIES[k % SERIES.length]!;
        const xy = { x: 'x', y: 'L', stroke } as const;
        // A second line may lie on the first, which then shows on both sides of it.
        const width = k === 0 ? 2.2 : 1.3;
        return [
          Plot.line(line, { ...xy, strokeWidth: Math.min(width, 1.4), strokeDasharray: '5,4' }),
          Plot.line(
            line.filter((p) => p.x >= from && p.x <= to),
            { ...xy, strokeWidth: width },
          ),
        ];
      }),
      Plot.dot(column.points, { x: 'x', y: 'L', r: 3.4, fill: COLOR.ink, stroke: COLOR.background, strokeWidth: 0.8 }),
    ],
    overlays: [
      (frame) =>
        group(document, {}, [
          drawText(document, {
            x: frame.left,
            y: frame.top - 50,
            text: shorten(column.heading, inner, FONT_SIZE.title),
            size: FONT_SIZE.title,
          }),
          ...column.constants.slice(0, 2).map((constant, row) =>
            drawText(document, {
              x: frame.left,
              y: frame.top - 31 + 16 * row,
              text: worded(constant),
              size: FONT_SIZE.note,
              fill: textColor(SERIES[0]),
            }),
          ),
        ]),
      (frame) => {
        const named = lines.filter((l) => l.label !== undefined);
        const words = named.flatMap(({ label, k }, row) => {
          const color = SERIES[k % SERIES.length]!;
          const y = frame.top + 12 + 16 * row;
          const end = frame.right - 6;
          const start = end - textWidth(label!, FONT_SIZE.note);
          return [
            path(document, `M${start - 24},${y}H${start - 6}`, { stroke: color, 'stroke-width': 2.2 }),
            drawText(document, {
              x: end,
              y,
              text: label!,
              size: FONT_SIZE.note,
              anchor: 'end',
              halo: true,
              fill: textColor(color),
            }),
          ];
        });
        return words.length > 0 ? group(document, {}, words) : null;
      },
      (frame) => drawMarkLabel(frame, column, lines),
    ],
  });
  const rms = Math.sqrt(residuals.reduce((sum, p) => sum + p.residual ** 2, 0) / Math.max(1, residuals.length));
  const below = drawPanel(document, {
    at: [x, TOP_HEIGHT],
    width,
    height: BOTTOM_HEIGHT,
    margin: { top: 6, right: RIGHT, bottom: 48, left },
    x: { ...xAxis, title: [`${column.title} `, ...symbolOf(column.symbol)] },
    y: {
      scale: 'linear',
      domain: errors,
      format: 'percent',
      ...(isFirst ? { title: 'residual, %' } : { labels: false }),
    },
    marks: [
      ...markOf(column),
      Plot.ruleY([0], { stroke: COLOR.muted, strokeWidth: 1.2 }),
      Plot.dot(
        residuals.filter((p) => isPlottable(p.residual)),
        {
          x: 'x',
          y: 'residual',
          r: 3,
          fill: COLOR.ink,
          stroke: COLOR.background,
          strokeWidth: 0.7,
        },
      ),
    ],
    overlays: [
      (frame) => {
        const corners = [frame.top + 9, frame.bottom - 9].flatMap((y) => [
          { x: frame.right - 4, y, anchor: 'end' as const },
          { x: frame.left + 4, y, anchor: 'start' as const },
        ]);
        const text = `rms ${formatNumber(100 * rms, 2)}%`;
        const label: PlacedLabel = { text, color: COLOR.muted, size: FONT_SIZE.note, places: corners };
        const dots = residuals.map((p) => [frame.x(p.x), frame.y(p.residual)] as const);
        const [place] = choosePlaces(frame, [label], { dots });
        return drawPlaced(frame, [label], [place ?? corners[0]!]);
      },
    ],
  });
  return [above, below];
}
