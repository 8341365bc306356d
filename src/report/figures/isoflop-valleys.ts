/** @file Figure: loss against model size at fixed compute, one valley a budget, with the parabola fitted to it.
 * Approach 2 of Hoffmann et al. 2022 (figure 3): `L = c0 + c1 ln N + c2 (ln N)^2` for each budget, whose lowest point
 * is N_opt. We mark a minimum only where it lies between the sizes tried; a budget without an interior minimum keeps its
 * points and a dashed parabola and is marked as refused, since its "minimum" would be an extrapolation.
 */

import { formatFlops } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, type RichText, scientific } from '../rich-text.ts';
import { COLOR, sequentialByRank } from '../theme.ts';
import { extent, isPositive, linearDomain, logDomain } from '../ticks.ts';

export interface Valley {
  /** Training FLOPs. */
  C: number;
  points: readonly { N: number; L: number | null }[];
  /** c0, c1, c2 of `L = c0 + c1 ln N + c2 (ln N)^2`; null where no parabola could be fitted. */
  parabola: readonly [number, number, number] | null;
  /** Lowest point of the parabola; null where there is none. */
  minimum: { N: number; L: number; isInterior: boolean } | null;
}

export interface IsoflopValleysInput {
  valleys: readonly Valley[];
  /** The axis title of N. Default "parameters N". */
  sizeTitle?: RichText;
}

interface Dot {
  C: number;
  N: number;
  L: number;
}

const LABEL = 'IsoFLOP valleys: loss against parameters at fixed training compute';
const HEIGHT = 420;

/** The figure as SVG; loss in nats a token. */
export function isoflopValleys({ valleys, sizeTitle = ['parameters ', it('N')] }: IsoflopValleysInput): string {
  const document = createDocument();
  const shown = valleys.flatMap((valley) => {
    const dots = valley.points
      .flatMap(({ N, L }): Dot[] => (isPositive(N) && isPositive(L) ? [{ C: valley.C, N, L }] : []))
      .sort((a, b) => a.N - b.N);
    return dots.length > 0 && isPositive(valley.C) ? [{ ...valley, dots, isRefused: !hasMinimum(valley, dots) }] : [];
  });
  const dots = shown.flatMap((v) => v.dots);
  const minima = shown.flatMap((v) => (v.minimum !== null && !v.isRefused ? [{ C: v.C, ...v.minimum }] : []));
  const curves = shown.map((v) => ({ ...v, line: parabolaLine(v.parabola, v.dots) }));
  const losses = [...dots, ...minima, ...curves.flatMap((c) => c.line)].map((d) => d.L);
  const isLog = Math.max(...losses) >= 3 * Math.min(...losses);
  const xDomain = logDomain(
    dots.map((d) => d.N),
    0.09,
  );
  const yDomain = isLog ? logDomain(losses, 0.06, 1.001) : linearDomain(losses, 0.06);
  if (xDomain === null || yDomain === null)
    return drawMessage(document, LABEL, 'No isoFLOP budget has a finished run.');

  const colors = sequentialByRank(shown.map((v) => v.C));
  const color = (d: { C: number }): string => colors.get(d.C)!;
  const refused = shown.filter((v) => v.isRefused).map((v) => v.dots.reduce((a, b) => (b.L < a.L ? b : a)));
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 40, right: 30, bottom: 48 },
    x: { scale: 'log', domain: xDomain, format: 'power', title: sizeTitle },
    y: {
      scale: isLog ? 'log' : 'linear',
      domain: yDomain,
      format: 'plain',
      title: ['loss ', it('L'), ' (nats / token)'],
    },
    marks: [
      ...curves.map((c) =>
        Plot.line(c.line, {
          x: 'N',
          y: 'L',
          stroke: color(c),
          strokeWidth: 1.5,
          ...(c.isRefused ? { strokeDasharray: '3,3' } : {}),
        }),
      ),
      Plot.line(minima, { x: 'N', y: 'L', stroke: COLOR.muted, strokeWidth: 1 }),
      Plot.dot(dots, { x: 'N', y: 'L', r: 3, fill: color, stroke: COLOR.background, strokeWidth: 0.7 }),
      Plot.dot(minima, {
        x: 'N',
        y: 'L',
        r: 5.2,
        symbol: 'diamond',
        fill: COLOR.background,
        stroke: color,
        strokeWidth: 2,
      }),
      Plot.dot(refused, { x: 'N', y: 'L', r: 6, symbol: 'times', stroke: COLOR.ink, strokeWidth: 1.6 }),
    ],
    overlays: [
      (frame) => {
        const labels = curves.map((c, i) => {
          const [first, last] = [c.dots[0]!, c.dots.at(-1)!];
          const [l, r] = [first, last].map((d) => [frame.x(d.N), frame.y(d.L)] as const) as [Pixel, Pixel];
          const value = scientific(c.C, 3);
          return {
            text: i === 0 ? join([it('C'), ' = '], value, ' FLOPs') : value,
            color: color(c),
            places: [
              { x: r[0] + 10, y: r[1], anchor: 'start' as const },
              { x: r[0], y: r[1] - 13, anchor: 'middle' as const },
              { x: l[0] - 10, y: l[1], anchor: 'end' as const },
              { x: l[0], y: l[1] - 13, anchor: 'middle' as const },
              { x: r[0] + 10, y: r[1] - 12, anchor: 'start' as const },
              { x: r[0] + 10, y: r[1] + 12, anchor: 'start' as const },
            ],
          };
        });
        const lines = curves.map((c) => c.line.map((d) => [frame.x(d.N), frame.y(d.L)] as const));
        const obstacles = { lines, dots: [...dots, ...minima].map((d) => [frame.x(d.N), frame.y(d.L)] as const) };
        const bounds = { ...frame, right: frame.right + 26 };
        return drawPlaced(frame, labels, choosePlaces(bounds, labels, obstacles));
      },
      (frame) =>
        drawKey(frame, [
          { mark: 'dot', text: 'run' },
          ...(curves.some((c) => c.line.length > 0) ? [{ mark: 'line' as const, text: 'fitted parabola' }] : []),
          ...(minima.length > 0 ? [{ mark: 'diamond' as const, text: 'its minimum' }] : []),
          ...(refused.length > 0
            ? [{ mark: 'times' as const, text: 'refused: no minimum between the sizes tried' }]
            : []),
        ]),
    ],
  });
  const [least, most] = extent(shown.map((v) => v.C))!;
  const label =
    `${LABEL}, ${shown.length} budgets from ${formatFlops(least)} to ${formatFlops(most)} FLOPs, ` +
    `${minima.length} with an interior minimum`;
  return drawSheet({ height: HEIGHT, label, content: [panel] });
}

type Pixel = readonly [number, number];

/** Whether the minimum is interior, by the fit's word and by where it lies. */
function hasMinimum({ minimum }: Valley, dots: readonly Dot[]): boolean {
  if (minimum === null || !minimum.isInterior || !isPositive(minimum.L)) return false;
  return minimum.N >= dots[0]!.N && minimum.N <= dots.at(-1)!.N;
}

/** The parabola from the smallest to the largest size tried. */
function parabolaLine(parabola: Valley['parabola'], dots: readonly Dot[]): { N: number; L: number }[] {
  if (parabola === null || dots.length < 2 || !parabola.every(Number.isFinite)) return [];
  const [c0, c1, c2] = parabola;
  const [lo, hi] = [Math.log(dots[0]!.N), Math.log(dots.at(-1)!.N)];
  return Array.from({ length: 49 }, (_, i) => {
    const x = lo + ((hi - lo) * i) / 48;
    return { N: Math.exp(x), L: c0 + c1 * x + c2 * x * x };
  }).filter((p) => isPositive(p.L));
}
