/** @file Figure: contours of the fitted loss L(N, D) with the runs it was fitted to and the efficient frontier.
 * After figure 4 of Hoffmann et al. 2022, but over N and D, so that a contour reads as a rate of exchange between
 * parameters and data. Dashed lines are constant compute, `C = 6 N D` by default, and the frontier is where the loss is
 * lowest along them.
 */

import { createDocument } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced, type Place, type PlacedLabel } from '../labels.ts';
import {
  type Box,
  contour,
  contourLevels,
  efficientFrontier,
  isoflop,
  type Point,
  type TokensAt,
} from '../level-sets.ts';
import { drawMessage, drawPanel, drawSheet, group } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, type RichText, scientific } from '../rich-text.ts';
import { CATEGORY, COLOR, FONT_SIZE, sequential } from '../theme.ts';
import { isPositive, logDomain } from '../ticks.ts';

export interface LossContoursInput {
  /** The fitted law, nats a token; must fall with D. */
  loss: (N: number, D: number) => number;
  runs: readonly { N: number; D: number }[];
  /** Training FLOPs whose lines of constant compute are drawn. */
  budgets?: readonly number[];
  /** D at which a model of size N costs C. Default `C / (6 N)`. */
  tokensAt?: TokensAt;
  sizeTitle?: RichText;
}

const LABEL = 'Contours of the fitted loss over parameters and training tokens';
const HEIGHT = 460;

/** The figure as SVG. */
export function lossContours(input: LossContoursInput): string {
  const document = createDocument();
  const { loss, budgets = [], tokensAt = (N, C) => C / (6 * N), sizeTitle = ['parameters ', it('N')] } = input;
  const runs = input.runs.filter(({ N, D }) => isPositive(N) && isPositive(D));
  const domain = {
    N: logDomain(
      runs.map((r) => r.N),
      0.12,
      4,
    ),
    D: logDomain(
      runs.map((r) => r.D),
      0.12,
      4,
    ),
  };
  if (domain.N === null || domain.D === null) return drawMessage(document, LABEL, 'No run to fit a law to.');
  const box: Box = { N: domain.N, D: domain.D };
  const corners = [loss(box.N[1], box.D[1]), loss(box.N[0], box.D[0])];
  if (!corners.every(isPositive) || !(corners[0]! < corners[1]!)) {
    return drawMessage(document, LABEL, 'The fitted law does not fall from few to many parameters and tokens.');
  }

  const contours = contourLevels(corners[0]!, corners[1]!)
    .map((level) => ({ level, line: contour(loss, level, box) }))
    .filter((c) => c.line.length > 8);
  const isoflops = budgets
    .filter(isPositive)
    .map((C) => ({ C, line: isoflop(C, box, tokensAt) }))
    .filter((b) => b.line.length > 1);
  const frontier = efficientFrontier(loss, box, tokensAt);
  const color = (i: number): string => sequential(contours.length < 2 ? 0.5 : 1 - i / (contours.length - 1));
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 40, right: 24, bottom: 48 },
    x: { scale: 'log', domain: box.N, format: 'power', title: sizeTitle },
    y: { scale: 'log', domain: box.D, format: 'power', title: ['training tokens ', it('D')] },
    marks: [
      ...isoflops.map((b) =>
        Plot.line(b.line, {
          x: 'N',
          y: 'D',
          stroke: COLOR.muted,
          strokeDasharray: '4,4',
          strokeOpacity: 0.7,
          strokeWidth: 1,
        }),
      ),
      ...contours.map((c, i) => Plot.line(c.line, { x: 'N', y: 'D', stroke: color(i), strokeWidth: 1.4 })),
      Plot.line(frontier, { x: 'N', y: 'D', stroke: CATEGORY.kaplan, strokeWidth: 2.6 }),
      Plot.dot(runs, { x: 'N', y: 'D', r: 3, fill: COLOR.ink, stroke: COLOR.background, strokeWidth: 0.8 }),
    ],
    overlays: [
      (frame) => {
        const pixel = (p: Point): Pixel => [frame.x(p.N), frame.y(p.D)];
        const contourLabels = contours.map(
          (c, i): PlacedLabel => ({
            text: formatLevel(c.level, contours.at(-1)!.level),
            color: color(i),
            size: FONT_SIZE.note,
            places: alongLine(c.line.map(pixel)),
          }),
        );
        const budgetLabels = isoflops.map(
          (b, i): PlacedLabel => ({
            text: i === 0 ? join([it('C'), ' = '], scientific(b.C, 3)) : scientific(b.C, 3),
            color: COLOR.muted,
            size: FONT_SIZE.note,
            places: besideLine(b.line.map(pixel)),
          }),
        );
        const dots = runs.map(pixel);
        const drawn = [...contours, ...isoflops].map((c) => c.line.map(pixel));
        const budgetPlaces = choosePlaces(frame, budgetLabels, { dots, lines: [...drawn, frontier.map(pixel)] });
        const taken = budgetPlaces.flatMap((p) =>
          p === null
            ? []
            : ([
                [p.x, p.y],
                [p.x + 16, p.y],
                [p.x + 32, p.y],
              ] as Pixel[]),
        );
        const places = choosePlaces(frame, contourLabels, { dots: [...dots, ...taken], lines: [frontier.map(pixel)] });
        return group(document, {}, [
          drawPlaced(frame, budgetLabels, budgetPlaces),
          drawPlaced(frame, contourLabels, places, true),
        ]);
      },
      (frame) =>
        drawKey(frame, [
          { mark: 'dot', text: 'run', color: COLOR.ink },
          { mark: 'line', text: join('fitted loss ', [it('L')], ' (nats / token)'), color: sequential(0.5) },
          ...(frontier.length > 1
            ? [{ mark: 'line' as const, text: 'efficient frontier', color: CATEGORY.kaplan }]
            : []),
          ...(isoflops.length > 0 ? [{ mark: 'dashed' as const, text: 'equal compute (FLOPs)' }] : []),
        ]),
    ],
  });
  return drawSheet({ height: HEIGHT, label: `${LABEL}, with ${runs.length} runs`, content: [panel] });
}

type Pixel = readonly [number, number];

/** A level with one decimal at least, and over a narrow range with as many as tell neighbours apart. */
function formatLevel(level: number, highest: number): string {
  const decimals = Math.max(1, ...[level, highest].map((v) => (String(v).split('.')[1] ?? '').length));
  return decimals > 2 ? level.toFixed(decimals) : Number.isInteger(level) ? level.toFixed(1) : String(level);
}

/** Places on the line itself: 40 pixels from its right end first, then every 20 pixels towards its left end; the
 * middle of a short line. */
function alongLine(line: readonly Pixel[]): Place[] {
  const [first, last] = [line[0]![0], line.at(-1)![0]];
  const count = Math.max(1, Math.floor((last - first - 60) / 20));
  return Array.from({ length: count }, (_, i) => {
    const wanted = last - first < 80 ? (first + last) / 2 : last - 40 - 20 * i;
    const [x, y] = line.reduce((a, b) => (Math.abs(b[0] - wanted) < Math.abs(a[0] - wanted) ? b : a));
    return { x, y, anchor: 'middle' };
  });
}

/** Places right above a falling line, from its upper left end on. */
function besideLine(line: readonly Pixel[]): Place[] {
  return Array.from({ length: 60 }, (_, i) => {
    const [x, y] = line[Math.round((i / 59) * (line.length - 1))]!;
    return { x: x + 5, y: y - 6, anchor: 'start' };
  });
}
