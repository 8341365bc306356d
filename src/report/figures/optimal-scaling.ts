/** @file Figure: the compute-optimal model size N_opt and data D_opt against compute, with the papers' slopes.
 * Two panels over one axis of C, as in figure 1 of Hoffmann et al. 2022 and figure 14 of Kaplan et al. 2020. Our line
 * `y = coefficient C^exponent` comes with the band of its bootstrap; the papers' exponents are dashed guides through the
 * centre of our points, since only slopes are comparable at this scale, not levels.
 */

import { formatFixed, formatInterval } from '../../lib/format.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { spread } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { bold, drawText, it, join, type RichText, shorten, sub, textWidth } from '../rich-text.ts';
import { CATEGORY, COLOR, FIGURE_WIDTH, FONT_SIZE, textColor } from '../theme.ts';
import { isPositive, logDomain } from '../ticks.ts';

interface ScalingFit {
  /** `y = coefficient C^exponent` */
  coefficient: number;
  exponent: number;
  /** Of the exponent. */
  interval: readonly [number, number] | null;
  /** Bootstrap band of the line; any number of compute values in increasing order. */
  band?: readonly { C: number; low: number; high: number }[];
}

interface ScalingGuide {
  /** Two lines at most, for example the paper and its year. */
  label: string;
  exponent: number;
  color: string;
  dash: string;
}

export interface ScalingPanel {
  /** One optimum a budget; `interval` of the value where known. */
  points: readonly { C: number; value: number; interval?: readonly [number, number] | null }[];
  fit: ScalingFit | null;
  /** Default: Kaplan et al. 2020 and Hoffmann et al. 2022. */
  guides?: readonly ScalingGuide[];
}

export interface OptimalScalingInput {
  N: ScalingPanel;
  D: ScalingPanel;
  /** What our points and line are, as "Approach 2, total parameters". */
  label?: string;
}

const guide = (label: string, exponent: number, color: string, dash: string): ScalingGuide => ({
  label,
  exponent,
  color,
  dash,
});

/** Exponents of N_opt and D_opt in the papers; Kaplan's D_opt is what C = 6 N D leaves. */
const PAPER_GUIDES = {
  N: [
    guide('Kaplan et al. 2020', 0.73, CATEGORY.kaplan, '7,4'),
    guide('Hoffmann et al. 2022', 0.5, CATEGORY.chinchilla, '2,3'),
  ],
  D: [
    guide('Kaplan et al. 2020', 0.27, CATEGORY.kaplan, '7,4'),
    guide('Hoffmann et al. 2022', 0.5, CATEGORY.chinchilla, '2,3'),
  ],
} as const;

const LABEL = 'Compute-optimal parameters and tokens against training compute';
const PANEL_HEIGHT = 268;
const GAP = 6;
/** A label of our line longer than this many pixels is cut. */
const LONGEST = 200;

/** The figure as SVG: N_opt above, D_opt below; a panel without a point is left out. */
export function optimalScaling(input: OptimalScalingInput): string {
  const document = createDocument();
  const panels = (['N', 'D'] as const).flatMap((symbol) => {
    const points = input[symbol].points.filter((p) => isPositive(p.C) && isPositive(p.value));
    return points.length === 0 ? [] : [{ ...input[symbol], symbol, points }];
  });
  const xDomain = logDomain(
    panels.flatMap((panel) => panel.points.map((p) => p.C)),
    0.12,
    3,
  );
  if (xDomain === null) return drawMessage(document, LABEL, 'No compute budget has an interior optimum.');
  const usable = panels.map((panel) => ({ ...panel, fit: usableFit(panel.fit, xDomain) }));
  const label = shorten(input.label ?? 'this study', LONGEST, FONT_SIZE.note);
  const content = usable.map((panel, i) =>
    drawScaling(document, { panel, xDomain, top: i * (PANEL_HEIGHT + GAP), label }),
  );
  const spoken = usable.flatMap(({ symbol, fit }) =>
    fit === null ? [] : [`${symbol}_opt has exponent ${formatInterval(fit.exponent, fit.interval)}`],
  );
  const height = content.length * (PANEL_HEIGHT + GAP) - GAP;
  return drawSheet({ height, label: [LABEL, ...spoken].join('; '), content });
}

/** The fit where its line can be drawn all along the axis, else null. */
function usableFit(fit: ScalingFit | null, xDomain: readonly [number, number]): ScalingFit | null {
  return fit !== null && xDomain.every((C) => isPositive(fit.coefficient * C ** fit.exponent)) ? fit : null;
}

const isInterval = ({ low, high }: { low: number; high: number }): boolean =>
  isPositive(low) && isPositive(high) && high >= low;

interface ScalingOptions {
  panel: ScalingPanel & { symbol: 'N' | 'D' };
  xDomain: [number, number];
  top: number;
  label: string;
}

interface Line {
  words: RichText;
  exponent: string;
  color: string;
  dash: string | null;
  width: number;
  at: (C: number) => number;
}

function drawScaling(document: SvgDocument, { panel, xDomain, top, label }: ScalingOptions): SvgNode {
  const { symbol, points, fit } = panel;
  const mean = (values: number[]): number => Math.exp(values.reduce((s, v) => s + Math.log(v), 0) / values.length);
  const center = mean(points.map((p) => p.C));
  const level = fit === null ? mean(points.map((p) => p.value)) : fit.coefficient * center ** fit.exponent;
  const guides = (panel.guides ?? PAPER_GUIDES[symbol]).map((g) => ({
    words: g.label,
    exponent: formatFixed(g.exponent),
    color: g.color,
    dash: g.dash,
    width: 1.5,
    at: (C: number) => level * (C / center) ** g.exponent,
  }));
  const lines: Line[] = guides.filter((g) => xDomain.every((C) => isPositive(g.at(C))));
  if (fit !== null) {
    const exponent = formatInterval(fit.exponent, fit.interval);
    const at = (C: number): number => fit.coefficient * C ** fit.exponent;
    lines.push({ words: [bold(label)], exponent, color: CATEGORY.ours, dash: null, width: 2.2, at });
  }
  const band = (fit?.band ?? []).filter((b) => b.C >= xDomain[0] && b.C <= xDomain[1] && isInterval(b));
  const bars = points.flatMap((p) => {
    const [low, high] = p.interval ?? [0, 0];
    return isInterval({ low, high }) ? [{ C: p.C, low, high }] : [];
  });
  const values = [
    ...points.map((p) => p.value),
    ...lines.flatMap((l) => xDomain.map(l.at)),
    ...[...band, ...bars].flatMap((b) => [b.low, b.high]),
  ];
  const words = lines.flatMap((l) => [
    textWidth(l.words, FONT_SIZE.note),
    textWidth(`a = ${l.exponent}`, FONT_SIZE.note),
  ]);
  const name = symbol === 'N' ? 'optimal parameters ' : 'optimal tokens ';
  return drawPanel(document, {
    at: [0, top],
    width: FIGURE_WIDTH,
    height: PANEL_HEIGHT,
    margin: { top: 16, right: Math.ceil(Math.max(60, ...words)) + 34, bottom: 48, left: 76 },
    x: { scale: 'log', domain: xDomain, format: 'power', title: ['training compute ', it('C'), ' (FLOPs)'] },
    y: { scale: 'log', domain: logDomain(values, 0.03)!, format: 'power', title: [name, it(symbol), sub('opt')] },
    marks: [
      Plot.areaY(band, { x: 'C', y1: 'low', y2: 'high', fill: CATEGORY.ours, fillOpacity: 0.16 }),
      ...lines.map((l) =>
        Plot.line(
          xDomain.map((C) => [C, l.at(C)]),
          { stroke: l.color, strokeWidth: l.width, ...(l.dash === null ? {} : { strokeDasharray: l.dash }) },
        ),
      ),
      Plot.ruleX(bars, { x: 'C', y1: 'low', y2: 'high', stroke: CATEGORY.ours, strokeWidth: 1.4 }),
      Plot.dot(points, { x: 'C', y: 'value', r: 4, fill: COLOR.background, stroke: CATEGORY.ours, strokeWidth: 2 }),
    ],
    overlays: [(frame) => lineLabels(frame, symbol === 'N' ? 'a' : 'b', lines, xDomain[1])],
  });
}

/** Two rows of words at the end of each line: whose it is, and its exponent. */
function lineLabels(frame: Frame, exponentName: string, lines: readonly Line[], C: number): SvgNode {
  const { document } = frame;
  const size = FONT_SIZE.note;
  const wanted = lines.map((l) => frame.y(l.at(C)));
  const placed = spread(wanted, 2 * size + 13, frame.top + 4, frame.bottom - 4);
  const nodes = lines.flatMap((line, i) => {
    const [y, x, fill] = [placed[i]!, frame.right + 22, textColor(line.color)];
    const leader = path(document, `M${frame.right + 2},${wanted[i]}L${x - 5},${y}`, {
      stroke: line.color,
      'stroke-width': 0.75,
    });
    const value = join([it(exponentName)], ` = ${line.exponent}`);
    return [
      leader,
      drawText(document, { x, y: y - size / 2 - 1, text: line.words, size, fill }),
      drawText(document, { x, y: y + size / 2 + 2, text: value, size, fill }),
    ];
  });
  return group(document, { fill: 'none' }, nodes);
}
