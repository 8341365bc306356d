/** @file Figure: Approach 1, the lower envelope of training curves over compute, and the sizes that win it.
 * After figure 2 of Hoffmann et al. 2022. Above, the loss of every run on its way; where a run is the best of all at its
 * compute its curve is thick. Below, the winning sizes as steps over compute with the power law through them. Stretches
 * won by the smallest or the largest size there are grey in both: a size beyond might have been better, so they do not
 * enter the exponent.
 */

import { formatInterval } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced, type PlacedLabel } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, type RichText, sub, sup } from '../rich-text.ts';
import { CATEGORY, COLOR, sequentialByRank } from '../theme.ts';
import { isPositive, linearDomain, logDomain } from '../ticks.ts';

interface CurveOfRun {
  id: string;
  N: number;
  points: readonly { C: number; L: number | null }[];
}

interface WinningStretch {
  /** The run that is best here. */
  id: string;
  N: number;
  /** First and last compute, and the losses there. */
  C: readonly [number, number];
  L: readonly [number, number];
  /** Whether smaller and larger sizes were trained there too. */
  interior: boolean;
}

export interface EnvelopeInput {
  curves: readonly CurveOfRun[];
  steps: readonly WinningStretch[];
  /** `N_opt = coefficient C^exponent`; null where the stretches carry none. */
  fit: { coefficient: number; exponent: number; interval: readonly [number, number] | null } | null;
  sizeTitle?: RichText;
}

interface Spot {
  C: number;
  L: number;
}

const LABEL = 'Approach 1: the lower envelope of training curves over compute';
const TOP_HEIGHT = 300;
const BOTTOM_HEIGHT = 232;
const LEFT = 66;
const RIGHT = 20;

/** The figure as SVG; loss in nats a token. */
export function envelope(input: EnvelopeInput): string {
  const document = createDocument();
  const { sizeTitle = ['parameters ', it('N')] } = input;
  const curves = input.curves.flatMap(({ id, N, points }) => {
    const line = points
      .flatMap(({ C, L }): Spot[] => (isPositive(C) && isPositive(L) ? [{ C, L }] : []))
      .sort((p, q) => p.C - q.C);
    return isPositive(N) && line.length > 0 ? [{ id, N, line }] : [];
  });
  const steps = input.steps.filter((s) => isPositive(s.N) && [...s.C, ...s.L].every(isPositive) && s.C[1] >= s.C[0]);
  const spots = curves.flatMap((c) => c.line);
  const xDomain = logDomain([...spots.map((p) => p.C), ...steps.flatMap((s) => s.C)], 0.03);
  const losses = [...spots.map((p) => p.L), ...steps.flatMap((s) => s.L)];
  const isLog = Math.max(...losses) >= 3 * Math.min(...losses);
  const yDomain = isLog ? logDomain(losses, 0.05, 1.001) : linearDomain(losses, 0.05);
  if (xDomain === null || yDomain === null || curves.length === 0)
    return drawMessage(document, LABEL, 'No run was evaluated on its way.');

  const sizes = [...new Set(curves.map((c) => c.N))].sort((a, b) => a - b);
  const colors = sequentialByRank(sizes);
  const colorOf = (N: number): string => colors.get(N) ?? COLOR.muted;
  const best = steps.map((step) => ({
    ...step,
    line: stretchLine(step, curves.find((c) => c.id === step.id)?.line ?? []),
  }));
  const x = { scale: 'log', domain: xDomain, format: 'power' } as const;
  const above = drawPanel(document, {
    height: TOP_HEIGHT,
    margin: { top: 40, right: RIGHT, bottom: 24, left: LEFT },
    x,
    y: {
      scale: isLog ? 'log' : 'linear',
      domain: yDomain,
      format: 'plain',
      title: ['loss ', it('L'), ' (nats / token)'],
    },
    marks: [
      ...curves.map((c) =>
        Plot.line(c.line, { x: 'C', y: 'L', stroke: colorOf(c.N), strokeWidth: 1, strokeOpacity: 0.55 }),
      ),
      ...best.map((s) =>
        Plot.line(s.line, {
          x: 'C',
          y: 'L',
          stroke: s.interior ? colorOf(s.N) : COLOR.axis,
          strokeWidth: 4,
          strokeLinecap: 'round',
        }),
      ),
    ],
    overlays: [
      (frame) =>
        drawKey(frame, [
          { mark: 'line', text: 'run, coloured by size as below' },
          { mark: 'thick', text: 'best at its compute', color: colorOf(sizes[Math.floor(sizes.length / 2)]!) },
          ...(steps.some((s) => !s.interior)
            ? [{ mark: 'thick' as const, text: 'at the edge of the sizes', color: COLOR.axis }]
            : []),
        ]),
    ],
  });

  const { fit } = input;
  const used = steps.filter((s) => s.interior);
  const span = used.length > 0 ? ([used[0]!.C[0], used.at(-1)!.C[1]] as const) : xDomain;
  const at = (C: number): number => (fit === null ? Number.NaN : fit.coefficient * C ** fit.exponent);
  const line = fit !== null && span.every((C) => isPositive(at(C))) ? span.map((C) => ({ C, N: at(C) })) : [];
  const below = drawPanel(document, {
    at: [0, TOP_HEIGHT],
    height: BOTTOM_HEIGHT,
    margin: { top: 14, right: RIGHT, bottom: 48, left: LEFT },
    x: { ...x, title: ['training compute ', it('C'), ' (FLOPs)'] },
    y: {
      scale: 'log',
      domain: logDomain([...sizes, ...line.map((p) => p.N)], 0.1)!,
      format: 'power',
      title: join(sizeTitle, ' of the best'),
    },
    marks: [
      Plot.line(line, { x: 'C', y: 'N', stroke: CATEGORY.ours, strokeWidth: 2.2 }),
      ...steps.map((s) =>
        Plot.line(
          s.C.map((C) => [C, s.N]),
          { stroke: s.interior ? colorOf(s.N) : COLOR.axis, strokeWidth: 4, strokeLinecap: 'round' },
        ),
      ),
    ],
    overlays: [
      (frame) => {
        if (fit === null || line.length === 0) return null;
        const [p, q] = line.map(({ C, N }) => [frame.x(C), frame.y(N)] as const) as [Pixel, Pixel];
        const middle = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2] as const;
        const label: PlacedLabel = {
          text: join(
            [it('N'), sub('opt'), ' ~ ', it('C'), sup('a')],
            ', ',
            [it('a')],
            ` = ${formatInterval(fit.exponent, fit.interval)}`,
          ),
          color: CATEGORY.ours,
          places: [
            { x: middle[0] - 12, y: middle[1] - 26, anchor: 'end' },
            { x: middle[0] + 12, y: middle[1] + 26, anchor: 'start' },
            { x: frame.left + 8, y: frame.top + 10, anchor: 'start' },
            { x: frame.right - 8, y: frame.bottom - 12, anchor: 'end' },
          ],
        };
        const lines = [[p, q], ...steps.map((s) => s.C.map((C) => [frame.x(C), frame.y(s.N)] as const))];
        return drawPlaced(frame, [label], choosePlaces(frame, [label], { lines }));
      },
    ],
  });
  const words = fit === null ? 'no exponent' : `N_opt has exponent ${formatInterval(fit.exponent, fit.interval)}`;
  const height = TOP_HEIGHT + BOTTOM_HEIGHT;
  return drawSheet({ height, label: `${LABEL}, ${curves.length} runs; ${words}`, content: [above, below] });
}

type Pixel = readonly [number, number];

/** The part of a run's own curve between the ends of a stretch. */
function stretchLine({ C, L }: WinningStretch, line: readonly Spot[]): Spot[] {
  return [{ C: C[0], L: L[0] }, ...line.filter((p) => p.C > C[0] && p.C < C[1]), { C: C[1], L: L[1] }];
}
