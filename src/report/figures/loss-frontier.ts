/** @file Figure: loss against compute of all runs, the best of them, and the loss of an optimal split by the fitted law.
 * `L_opt(C) = min L(N, D) subject to C = 6 N D`, as figure 13 of Kaplan et al. 2020 and figure 4 of Hoffmann et al. 2022
 * draw it. A run is among the best where no run of as little compute has a lower loss. Beyond the largest run the line is
 * dashed and its band lighter: there no interval holds the error of the law's form.
 */

import { formatCount, formatFlops, formatNumber } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced, type PlacedLabel } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, sub } from '../rich-text.ts';
import { CATEGORY, COLOR, FONT_SIZE, sequentialByRank } from '../theme.ts';
import { isPositive, linearDomain, logDomain } from '../ticks.ts';

interface FrontierPoint {
  C: number;
  L: number;
  /** Ends of the law's own interval; null where there is none. */
  interval: readonly [number, number] | null;
}

export interface LossFrontierInput {
  runs: readonly { N: number; C: number; L: number }[];
  /** L_opt by increasing compute, within the runs and beyond; empty without a fit. */
  frontier: readonly FrontierPoint[];
  /** The law's irreducible loss. */
  floor?: { value: number; label: string } | null;
}

const LABEL = 'Loss against training compute, with the fitted loss of an optimal split';
const HEIGHT = 400;
/** Runs within this factor of compute are of one budget: whole steps round it. */
const SAME_COMPUTE = 1.05;
/** A floor further below the runs than this share of the losses' range would squeeze them. */
const FLOOR_ROOM = 1.2;

/** The figure as SVG; loss in nats a token. */
export function lossFrontier(input: LossFrontierInput): string {
  const document = createDocument();
  const runs = input.runs.filter(({ N, C, L }) => [N, C, L].every(isPositive)).sort((p, q) => p.C - q.C);
  if (runs.length === 0) return drawMessage(document, LABEL, 'No run has finished.');
  const best = runs.filter((p) => runs.every((q) => q === p || q.C > p.C * SAME_COMPUTE || q.L > p.L));
  const isMany = best.length > 25;
  const frontier = input.frontier.filter(({ C, L }) => isPositive(C) && isPositive(L)).sort((p, q) => p.C - q.C);
  const band = frontier.flatMap(({ C, interval }) => {
    const [low, high] = interval ?? [0, 0];
    return isPositive(low) && isPositive(high) && low <= high ? [{ C, low, high }] : [];
  });
  const edge = runs.at(-1)!.C;
  const split = <T extends { C: number }>(line: readonly T[]): [T[], T[]] => {
    const within = line.filter((p) => p.C <= edge * (1 + 1e-9));
    // The dashed part starts where the other ends.
    return [within, [...within.slice(-1), ...line.filter((p) => p.C > edge * (1 + 1e-9))]];
  };
  const [within, beyond] = split(frontier);
  const [bandWithin, bandBeyond] = split(band);

  const losses = [...runs, ...frontier].map((p) => p.L);
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const bandEnds = band.flatMap((b) => [b.low, b.high]).filter((v) => v >= least / 2 && v <= most * 1.5);
  const floor =
    input.floor && isPositive(input.floor.value) && least - input.floor.value < FLOOR_ROOM * (most - least)
      ? input.floor
      : null;
  const shown = [...losses, ...bandEnds, ...(floor ? [floor.value] : [])];
  const isLog = Math.max(...shown) >= 3 * Math.min(...shown);
  const yDomain = (isLog ? logDomain(shown, 0.04, 1.001) : linearDomain(shown, 0.04))!;
  const xDomain = logDomain(
    [...runs, ...frontier].map((p) => p.C),
    0.03,
  )!;
  const clip = (v: number): number => Math.min(yDomain[1], Math.max(yDomain[0], v));
  const clipped = (part: readonly { C: number; low: number; high: number }[]) =>
    part.map(({ C, low, high }) => ({ C, low: clip(low), high: clip(high) }));
  const colors = sequentialByRank(runs.map((r) => r.N));
  const last = beyond.length > 1 ? beyond.at(-1)! : null;
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 40, right: 30, bottom: 48 },
    x: { scale: 'log', domain: xDomain, format: 'power', title: ['training compute ', it('C'), ' (FLOPs)'] },
    y: {
      scale: isLog ? 'log' : 'linear',
      domain: yDomain,
      format: 'plain',
      title: ['loss ', it('L'), ' (nats / token)'],
    },
    marks: [
      Plot.areaY(clipped(bandWithin), { x: 'C', y1: 'low', y2: 'high', fill: CATEGORY.ours, fillOpacity: 0.18 }),
      Plot.areaY(clipped(bandBeyond), { x: 'C', y1: 'low', y2: 'high', fill: CATEGORY.ours, fillOpacity: 0.09 }),
      ...(floor ? [Plot.ruleY([floor.value], { stroke: COLOR.ink, strokeDasharray: '5,4', strokeWidth: 1 })] : []),
      Plot.line(within, { x: 'C', y: 'L', stroke: CATEGORY.ours, strokeWidth: 2.2 }),
      Plot.line(beyond, { x: 'C', y: 'L', stroke: CATEGORY.ours, strokeWidth: 1.8, strokeDasharray: '6,4' }),
      Plot.dot(runs, {
        x: 'C',
        y: 'L',
        r: isMany ? 2 : 2.8,
        fill: (r: { N: number }) => colors.get(r.N)!,
        fillOpacity: 0.75,
      }),
      Plot.dot(best, {
        x: 'C',
        y: 'L',
        r: isMany ? 3.6 : 4.8,
        fill: 'none',
        stroke: COLOR.ink,
        strokeWidth: isMany ? 1 : 1.4,
      }),
      Plot.dot(last ? [last] : [], {
        x: 'C',
        y: 'L',
        r: 4,
        fill: COLOR.background,
        stroke: CATEGORY.ours,
        strokeWidth: 2,
      }),
    ],
    overlays: [
      (frame) => {
        if (last === null) return null;
        const [low, high] = last.interval ?? [null, null];
        const ends = low === null ? '' : ` [${formatNumber(low, 3)}, ${formatNumber(high, 3)}]`;
        const [x, y] = [frame.x(last.C), frame.y(last.L)];
        const label: PlacedLabel = {
          text: join([it('L'), sub('opt')], ` = ${formatNumber(last.L, 3)}${ends} at ${formatFlops(last.C)} FLOPs`),
          color: CATEGORY.ours,
          places: [30, 44, 58, 72, 86, 100, 120, 140, -26, -40].map((up) => ({ x: x + 6, y: y - up, anchor: 'end' })),
        };
        const pixels = [...within, ...beyond].map((p) => [frame.x(p.C), frame.y(p.L)] as const);
        const lines = [
          pixels,
          ...(floor ? [[frame.left, frame.right].map((at) => [at, frame.y(floor.value)] as const)] : []),
        ];
        const dots = runs.map((r) => [frame.x(r.C), frame.y(r.L)] as const);
        const bounds = { ...frame, right: frame.right + 26 };
        return drawPlaced(frame, [label], choosePlaces(bounds, [label], { lines, dots }));
      },
      (frame) => {
        if (floor === null) return null;
        const text = `${floor.label} ${formatNumber(floor.value, 3)}`;
        const place = { x: frame.left + 8, y: frame.y(floor.value) - 9, anchor: 'start' } as const;
        return drawPlaced(frame, [{ text, color: COLOR.ink, size: FONT_SIZE.note, places: [place] }], [place]);
      },
      (frame) => {
        const sizes = [...colors.keys()].sort((a, b) => a - b);
        const [small, large] = [sizes[0]!, sizes.at(-1)!];
        return drawKey(frame, [
          { mark: 'dot', text: join('run, ', [it('N')], ` = ${formatCount(small)}`), color: colors.get(small)! },
          ...(small === large
            ? []
            : [{ mark: 'dot' as const, text: `to ${formatCount(large)}`, color: colors.get(large)! }]),
          { mark: 'ring', text: 'best so far', color: COLOR.ink },
          ...(within.length > 1 ? [{ mark: 'line' as const, text: 'optimal split', color: CATEGORY.ours }] : []),
          ...(last ? [{ mark: 'dashed' as const, text: 'extrapolated', color: CATEGORY.ours }] : []),
        ]);
      },
    ],
  });
  return drawSheet({
    height: HEIGHT,
    label: `${LABEL}, ${runs.length} runs, ${best.length} of them best so far`,
    content: [panel],
  });
}
